import tensorflow as tf
layers = []
for i in range(3):
    layers.append(tf.Variable(tf.ones([2])))
more = [tf.get_variable("v%d" % i, [1]) for i in range(2)]
one = tf.Variable(1.0)
