import tensorflow as tf
slim = tf.contrib.slim
layers = tf.layers
a = slim.max_pool2d(None, 2)
b = layers.dense(a, 10)
