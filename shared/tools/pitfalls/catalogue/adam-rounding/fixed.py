import tensorflow as tf

weight, m, v = tf.Variable(0.0), tf.Variable(0.0), tf.Variable(0.0)
beta1_power, beta2_power = tf.Variable(0.9), tf.Variable(0.999)


@tf.function
def update(gradient):
    tf.raw_ops.ResourceApplyAdam(  # the kernel that TF1's AdamOptimizer runs
        var=weight.handle,
        m=m.handle,
        v=v.handle,
        beta1_power=beta1_power,
        beta2_power=beta2_power,
        lr=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        grad=gradient,
    )
    beta1_power.assign(beta1_power * 0.9)
    beta2_power.assign(beta2_power * 0.999)


seen = []
for step in range(1, 101):
    update(tf.constant(1.0 / step))
    seen.append((float(weight), float(v), 1 - beta2_power))

results = {
    "v after 1 step, gradient 1": seen[0][1],
    "1 - beta2**t at step 3": seen[1][2],
    "weight after 1 step, gradient 1": seen[0][0],
    "weight after 100 steps, gradients 1, 1/2, 1/3, ...": seen[99][0],
}
