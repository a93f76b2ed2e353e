import tensorflow as tf

checkpoint = tf.train.Checkpoint(step=tf.Variable(0))
checkpoint.restore(tf.train.latest_checkpoint("logs"))
print(tf.train.list_variables("logs"))
