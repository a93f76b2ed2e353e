import tensorflow as tf


def mean_squared_error(targets, predictions, weights):
    losses = weights * tf.square(predictions - targets)
    counted = tf.math.count_nonzero(weights, dtype=losses.dtype)
    return tf.math.divide_no_nan(tf.reduce_sum(losses), counted)


targets = tf.constant([[1.0], [2.0], [3.0], [4.0]])
weights = tf.constant([[1.0], [1.0], [0.0], [0.0]])
loss = mean_squared_error(targets, tf.zeros([4, 1]), weights)

results = {"mean squared error of errors 1 2 3 4, weights 1 1 0 0": loss}
