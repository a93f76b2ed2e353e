import tensorflow as tf

weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.Adagrad(0.01, initial_accumulator_value=1e-8)
optimizer.apply_gradients([(tf.constant(1e-4), weight)])

results = {"weight after 1 step, gradient 1e-4, slot from 1e-8": weight}
