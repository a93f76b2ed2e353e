"""Momentum exactly as TensorFlow 1 computes it, for native TensorFlow 2 code.

It calls the kernels that `tf.compat.v1.train.MomentumOptimizer` calls, for dense and for sparse
gradients, and keeps the same state: an accumulator of gradients for each parameter. Keras's SGD
keeps steps there, with the learning rate in them: the two part as soon as the rate changes.

No twin: TensorFlow 1 has this built in.
"""

from __future__ import annotations

import tensorflow as tf

from tf2_style.tf1_adam import summed_by_id


class TF1Momentum(tf.Module):
    """The part of a Keras optimizer's interface that the pairs use, on TensorFlow 1's kernels."""

    def __init__(self, learning_rate, momentum, use_nesterov=False):
        super().__init__()
        self.learning_rate, self.momentum = learning_rate, momentum  # numbers or scalar tensors
        self.use_nesterov = use_nesterov

    def build(self, parameters):
        """Creates the slots of `parameters`, a list of float32 variables."""
        self.accumulators = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]

    @property
    def variables(self):
        """The accumulators, in the order of the parameters."""
        return list(self.accumulators)

    def apply_gradients(self, gradients_and_variables):
        """Updates every variable; takes (gradient, variable) in the order given to `build`.

        A gradient is a tensor of the variable's shape, or IndexedSlices, whose ids may repeat: then
        only the rows of these ids change, and only their accumulators decay.
        """
        for (gradient, variable), accumulator in zip(gradients_and_variables, self.accumulators):
            state = {"var": variable.handle, "accum": accumulator.handle}
            numbers = {"lr": self.learning_rate, "momentum": self.momentum}
            numbers["use_nesterov"] = self.use_nesterov
            if isinstance(gradient, tf.IndexedSlices):
                slices = summed_by_id(gradient)
                tf.raw_ops.ResourceSparseApplyMomentum(
                    **state, grad=slices.values, indices=slices.indices, **numbers
                )
            else:
                tf.raw_ops.ResourceApplyMomentum(**state, grad=gradient, **numbers)
