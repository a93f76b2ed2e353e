import tensorflow as tf
print "version", tf.VERSION
x = tf.mul(2, 3)
with tf.Session() as s:
    print s.run(x)
