import tensorflow as tf

weight, step = tf.Variable(0.0), tf.Variable(0)
rate = tf.compat.v1.train.exponential_decay(
    1.0, step, decay_steps=1, decay_rate=0.5
)()
optimizer = tf.keras.optimizers.SGD(
    float(rate)
)  # a number: the rate of step 0, for ever
for _ in range(3):
    optimizer.apply_gradients([(tf.constant(1.0), weight)])
    step.assign_add(1)

results = {"weight after 3 steps, rate 1 halved each step": weight}
