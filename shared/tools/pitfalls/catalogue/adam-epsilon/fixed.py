import tensorflow as tf

weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)  # as in TF1
optimizer.apply_gradients([(tf.constant(1e-8), weight)])

results = {"weight after 1 step, gradient 1e-8": weight}
