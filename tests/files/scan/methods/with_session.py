import tensorflow as tf
loss = tf.constant(1.0)
x = tf.placeholder(tf.float32)
with tf.Session() as sess:
    for i in range(10):
        sess.run(loss, feed_dict={x: i})
    sess.run(loss, {x: 1})
