import tensorflow as tf


@tf.function
def train(optimizer, weight, steps):
    for _ in tf.range(steps):
        optimizer.apply_gradients([(tf.constant(0.5), weight)])


weight = tf.Variable(0.0)
trained = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
trained.build([weight])
train(trained, weight, 1000)

# What a TF1 checkpoint holds, beside two powers of beta,
# after 1,000 gradients of 1/2.
m, v = 0.5, 0.25 * (1 - 0.999**1000)
weight = tf.Variable(-1.0)
optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
optimizer.build([weight])
for slot in optimizer.variables:
    if slot.path.endswith("_momentum"):
        slot.assign(m)
    elif slot.path.endswith("_velocity"):
        slot.assign(v)
# No variable of a TF1 checkpoint is called "iteration", so that it stays 0.
train(optimizer, weight, 1)

results = {
    "steps taken, read after 1,000 steps": trained.iterations,
    "update of step 1,001, from the state of 1,000": float(weight) + 1.0,
}
