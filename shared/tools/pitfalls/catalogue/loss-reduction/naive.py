import tensorflow as tf

targets = tf.constant([[1.0], [2.0], [3.0], [4.0]])
weights = tf.constant([[1.0], [1.0], [0.0], [0.0]])
mean_squared_error = tf.keras.losses.MeanSquaredError()
loss = mean_squared_error(targets, tf.zeros([4, 1]), sample_weight=weights)

results = {"mean squared error of errors 1 2 3 4, weights 1 1 0 0": loss}
