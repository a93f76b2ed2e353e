import tensorflow as tf
a = tf.add(1, 2)
b = foo(1,
c = tf.subtract(2, 1)
