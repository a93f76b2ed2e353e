"""Adam exactly as TensorFlow 1 computes it, for native TensorFlow 2 code.

It calls the kernel that `tf.compat.v1.train.AdamOptimizer` calls and keeps the same state: `m` and
`v` for each parameter, and beta1 and beta2 to the power of step + 1 as running products. There is
no kernel for sparse gradients: for them it runs the operations of AdamOptimizer. On the same
TensorFlow and processor, in a tf.function and without XLA, a port that uses it equals its original
in a Session to the last bit, so that whatever differs is a mistake. Once nothing differs, put
`tf.keras.optimizers.Adam(learning_rate, epsilon=1e-8)` in its place: the same formula, rounded
differently.

No twin: TensorFlow 1 has this built in.
"""

from __future__ import annotations

import tensorflow as tf


class TF1Adam(tf.Module):
    """The part of a Keras optimizer's interface that the pairs use, on TensorFlow 1's kernel.

    Defaults are those of `tf.compat.v1.train.AdamOptimizer`; Keras's epsilon is 1e-7 instead.
    Unlike Keras's it is not built by the first update: call `build` before.
    """

    def __init__(self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__()
        # A number, not a variable: a function that was traced before a change keeps the old rate.
        self.learning_rate = learning_rate
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.built_for, self.m, self.v = (), [], []

    def build(self, parameters):
        """Creates the slots of `parameters`, a list of float32 `tf.Variable` of any shapes.

        Raises:
            ValueError: a variable is not float32, the only dtype of the powers of beta.
        """
        for parameter in parameters:
            if parameter.dtype != tf.float32:
                name, found = parameter.name, parameter.dtype.name
                raise ValueError(f"{name}: expected a float32 variable, found one of {found}")
        self.built_for = tuple(parameter.ref() for parameter in parameters)
        self.m = [tf.Variable(tf.zeros_like(each), trainable=False) for each in parameters]
        self.v = [tf.Variable(tf.zeros_like(each), trainable=False) for each in parameters]
        # Kept one step ahead, as TensorFlow 1 does: beta to the power of (steps done + 1).
        self.beta1_power = tf.Variable(self.beta1, trainable=False, dtype=tf.float32)
        self.beta2_power = tf.Variable(self.beta2, trainable=False, dtype=tf.float32)

    @property
    def variables(self):
        """The state: two scalars, which are others in Keras, then `m` and `v` of each parameter."""
        slots = [slot for pair in zip(self.m, self.v) for slot in pair]
        return [self.beta1_power, self.beta2_power, *slots]

    def powers(self):
        """Returns the powers of beta by their names in a TensorFlow 1 checkpoint."""
        return {"beta1_power": self.beta1_power, "beta2_power": self.beta2_power}

    def apply_gradients(self, gradients_and_variables):
        """Updates the variables; takes pairs (gradient, variable), all or some, in any order.

        A gradient is a float32 tensor of the variable's shape, or IndexedSlices, whose ids may
        repeat. A variable whose gradient is None stays as it is, and so do its slots; the powers of
        beta move all the same. TensorFlow 1 does all this too.

        Raises:
            ValueError: `build` was not given one of the variables, or no pair has a gradient.
        """
        found = with_slots(gradients_and_variables, self.built_for, zip(self.m, self.v))
        for gradient, variable, (m, v) in found:
            if isinstance(gradient, tf.IndexedSlices):
                self.apply_sparse(summed_by_id(gradient), variable, m, v)
            else:
                self.apply_dense(gradient, variable, m, v)
        self.beta1_power.assign(self.beta1_power * self.beta1)
        self.beta2_power.assign(self.beta2_power * self.beta2)

    def apply_dense(self, gradient, variable, m, v):
        """Updates a variable and its slots, all of one shape."""
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=m.handle,
            v=v.handle,
            beta1_power=self.beta1_power,
            beta2_power=self.beta2_power,
            lr=self.learning_rate,
            beta1=self.beta1,
            beta2=self.beta2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def apply_sparse(self, slices, variable, m, v):
        """Updates a variable and its slots from IndexedSlices, each id once.

        There is no kernel for it: `AdamOptimizer._apply_sparse_shared` of TensorFlow 1 computes it
        by these operations in this order. All rows of `m` and `v` decay, and all rows of the
        variable move, not only those that have a gradient: an Adam that skips the others is
        another one ("lazy").
        """
        values, ids = slices.values, slices.indices
        beta1, beta2 = tf.constant(self.beta1), tf.constant(self.beta2)  # float32, as there
        rate = self.learning_rate * tf.sqrt(1 - self.beta2_power) / (1 - self.beta1_power)
        m.assign(m * beta1)
        m.scatter_add(tf.IndexedSlices(values * (1 - beta1), ids))
        v.assign(v * beta2)
        # AdamOptimizer has (values * values) * (1 - beta2). Grappler turns that into this product
        # before a Session runs it, and the two differ in the last bit.
        v.scatter_add(tf.IndexedSlices(values * (values * (1 - beta2)), ids))
        variable.assign_sub(rate * m / (tf.sqrt(v) + self.epsilon))


def with_slots(gradients_and_variables, built_for, slots):
    """Returns a list of (gradient, variable, its slots), without pairs whose gradient is None.

    Args:
        gradients_and_variables: the pairs that `apply_gradients` takes.
        built_for: a reference, `variable.ref()`, of each variable that `build` was given.
        slots: the slots of each of them, in the same order.

    Raises:
        ValueError: as `apply_gradients` says; nothing has been updated then.
    """
    slots_of, pairs = dict(zip(built_for, slots)), list(gradients_and_variables)
    for _, variable in pairs:
        if variable.ref() not in slots_of:
            raise ValueError(f"expected variables that `build` was given, found {variable.name}")
    found = [(g, variable, slots_of[variable.ref()]) for g, variable in pairs if g is not None]
    if not found:
        raise ValueError(
            f"expected a gradient of at least one variable, found none of {len(pairs)} variables"
        )
    return found


def summed_by_id(slices):
    """Returns IndexedSlices in which each id stands once, with the sum of its slices.

    As every optimizer of TensorFlow 1 does first (`_deduplicate_indexed_slices`). The order of
    ids is that of their first slices.
    """
    ids, positions = tf.unique(slices.indices)
    values = tf.math.unsorted_segment_sum(slices.values, positions, tf.shape(ids)[0])
    return tf.IndexedSlices(values, ids, slices.dense_shape)
