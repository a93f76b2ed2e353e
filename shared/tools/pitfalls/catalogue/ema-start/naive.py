import tensorflow as tf

weight = tf.Variable(0.0)
optimizer = tf.keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
averages = []
for _ in range(3):
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    averages.append(float(optimizer.variables[-1]))

results = {"averages of a weight 0, -1, -2, -3, decay 1/2": averages}
