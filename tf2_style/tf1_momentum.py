"""Momentum exactly as TensorFlow 1 computes it, for native TensorFlow 2 code.

It calls the kernels that `tf.compat.v1.train.MomentumOptimizer` calls, of dense and of sparse
gradients: `momentum` becomes 0.9 * momentum + gradient, and the rate multiplies it afterwards.
`tf.keras.optimizers.SGD` keeps what the rate has multiplied already. So long as the rate stays the
two agree but for rounding; when it falls, Keras's steps stay long for a while.

No twin: TensorFlow 1 has this built in.
"""

from __future__ import annotations

import tensorflow as tf

from tf2_style.tf1_adam import summed_by_id, with_slots


class TF1Momentum(tf.Module):
    """The part of a Keras optimizer's interface that the pairs use, on TensorFlow 1's kernels."""

    def __init__(self, learning_rate, momentum, global_step, use_nesterov=False):
        """Takes what an update needs.

        Args:
            learning_rate: a function of the step; it returns a float or a float32 scalar.
            momentum: the share of the accumulated gradient that each update keeps, a float.
            global_step: an int64 variable, the number of updates made. The caller counts it.
            use_nesterov: whether the update looks ahead, as Nesterov's does.
        """
        super().__init__()
        self.learning_rate, self.momentum = learning_rate, momentum
        self.global_step, self.use_nesterov = global_step, use_nesterov
        self.built_for, self.momentums = (), []

    def build(self, parameters):
        """Creates the slots of `parameters`, a list of float32 `tf.Variable` of any shapes."""
        self.built_for = tuple(parameter.ref() for parameter in parameters)
        self.momentums = [tf.Variable(tf.zeros_like(p), trainable=False) for p in parameters]

    @property
    def variables(self):
        """The state: the step count, after which Keras has the rate, and each parameter's slot."""
        return [self.global_step, *self.momentums]

    def apply_gradients(self, gradients_and_variables):
        """Updates the variables; takes pairs (gradient, variable), all or some, in any order.

        A gradient is a float32 tensor of the variable's shape, or IndexedSlices, whose ids may
        repeat: then only the rows of these ids change, and only their momentum decays. A variable
        whose gradient is None stays as it is, and so does its slot, as in TensorFlow 1.

        Raises:
            ValueError: `build` was not given one of the variables, or no pair has a gradient.
        """
        found = with_slots(gradients_and_variables, self.built_for, self.momentums)
        numbers = {"lr": self.learning_rate(self.global_step), "momentum": self.momentum}
        numbers["use_nesterov"] = self.use_nesterov
        for gradient, variable, accumulated in found:
            state = {"var": variable.handle, "accum": accumulated.handle}
            if isinstance(gradient, tf.IndexedSlices):
                slices = summed_by_id(gradient)
                tf.raw_ops.ResourceSparseApplyMomentum(
                    **state, grad=slices.values, indices=slices.indices, **numbers
                )
            else:
                tf.raw_ops.ResourceApplyMomentum(**state, grad=gradient, **numbers)
