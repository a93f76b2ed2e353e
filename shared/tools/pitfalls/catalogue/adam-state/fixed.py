import math

import tensorflow as tf


def adam_from_tf1(weight, m, v, beta2_power):
    optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
    optimizer.build([weight])
    # beta2_power is 0.999**(steps + 1), exact enough up to step 38,537.
    # Never take beta1_power: it is 0 from step 829 on.
    steps = round(math.log(beta2_power) / math.log(0.999)) - 1
    optimizer.iterations.assign(steps)
    for slot in optimizer.variables:
        if slot.path.endswith("_momentum"):
            slot.assign(m)
        elif slot.path.endswith("_velocity"):
            slot.assign(v)
    return optimizer


# As TF1 leaves it after 1,000 gradients of 1/2.
weight, m, v = tf.Variable(-1.0), 0.5, 0.25 * (1 - 0.999**1000)
optimizer = adam_from_tf1(weight, m, v, beta2_power=0.999**1001)
steps = int(optimizer.iterations)
optimizer.apply_gradients([(tf.constant(0.5), weight)])

results = {
    "steps taken, read after 1,000 steps": steps,
    "update of step 1,001, from the state of 1,000": float(weight) + 1.0,
}
