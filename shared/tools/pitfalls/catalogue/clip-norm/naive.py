import tensorflow as tf

weights = [tf.Variable(0.0), tf.Variable(0.0)]
optimizer = tf.keras.optimizers.SGD(1.0, clipnorm=1.0)
optimizer.apply_gradients(zip([tf.constant(3.0), tf.constant(4.0)], weights))

results = {"two weights after 1 step, gradients 3 and 4, norm 1": weights}
