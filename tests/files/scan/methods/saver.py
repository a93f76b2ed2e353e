import tensorflow as tf
saver = tf.train.Saver(max_to_keep=3)
with tf.Session() as session:
    path = tf.train.latest_checkpoint("logs")
    saver.restore(session, path)
    saver.save(session, "logs/model")
