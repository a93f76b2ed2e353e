import tensorflow as tf
y = tf.layers.batch_normalization(None, training=True)
