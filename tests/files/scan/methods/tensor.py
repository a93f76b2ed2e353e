import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 2])
n = x.get_shape()
x.set_shape([3, 2])
v = tf.Variable(1.0)
u = v.assign_add(1.0)
