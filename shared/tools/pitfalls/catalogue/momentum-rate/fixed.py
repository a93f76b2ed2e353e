import tensorflow as tf


def apply_momentum(weight, accumulator, gradient, rate):
    tf.raw_ops.ResourceApplyMomentum(  # the kernel that TF1 runs
        var=weight.handle,
        accum=accumulator.handle,
        lr=rate,
        grad=gradient,
        momentum=0.5,
    )


def train(rates):
    weight, accumulator = tf.Variable(0.0), tf.Variable(0.0)
    for rate in rates:
        apply_momentum(weight, accumulator, tf.constant(1.0), rate)
    return weight


results = {
    "weight after 3 steps, rate 1/2 throughout": train([0.5, 0.5, 0.5]),
    "weight after 3 steps, rate 1/2, then 1/4": train([0.5, 0.25, 0.25]),
}
