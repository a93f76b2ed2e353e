import tensorflow as tf

schedules = tf.keras.optimizers.schedules
rate = schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)
optimizer = tf.keras.optimizers.SGD(rate)  # computes it anew each step
weight = tf.Variable(0.0)
for _ in range(3):
    optimizer.apply_gradients([(tf.constant(1.0), weight)])

results = {"weight after 3 steps, rate 1 halved each step": weight}
