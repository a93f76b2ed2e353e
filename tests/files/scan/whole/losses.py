import tensorflow as tf
a = tf.nn.softmax_cross_entropy_with_logits(labels=[1.0], logits=[1.0])
b = tf.losses.mean_squared_error([1.0], [2.0])
c = tf.contrib.layers.l2_regularizer(0.1)
d = tf.log(tf.to_float(1))
