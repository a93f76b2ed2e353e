import tensorflow as tf
a = tf.constant([1])
b = tf.constant([2])
if a == b:
    pass
c = [1] == [2]
d = a != 0
e = a is b
