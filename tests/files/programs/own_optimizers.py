"""Optimizers of the program's own: one assigns by itself, one doubles what it applies."""

import tensorflow as tf


class Decayed(tf.train.Optimizer):
    """Adam's first moment and a weight decay, by assignments alone."""

    def __init__(self):
        super().__init__(False, "Decayed")

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        updates = []
        for gradient, variable in grads_and_vars:
            m = tf.get_variable(variable.op.name + "/m", initializer=[0.0, 0.0], trainable=False)
            new_m = 0.9 * m + 0.1 * gradient
            updates += [m.assign(new_m), variable.assign(variable - 0.1 * new_m - 0.01 * variable)]
        return tf.group(*updates)


class Doubled(tf.train.GradientDescentOptimizer):
    """Plain descent along twice the gradient."""

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        doubled = [(2 * gradient, variable) for gradient, variable in grads_and_vars]
        return super().apply_gradients(doubled, global_step, name)


w = tf.get_variable("w", initializer=[3.0, 4.0], use_resource=True)
u = tf.get_variable("u", initializer=[1.0], use_resource=True)
loss = tf.reduce_sum(w**2) / 2
clipped, _ = tf.clip_by_global_norm(tf.gradients(loss, [w]), 1.0)
decay = Decayed().apply_gradients(zip(clipped, [w]))
double = Doubled(0.25).minimize(tf.reduce_sum(u**2) / 2, var_list=[u])
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for train in (decay, double, decay):
        print(session.run([clipped[0], loss, train])[0].tolist())
