"""Adam exactly as TensorFlow 1 computes it, for native TensorFlow 2 code.

It calls the kernel that `tf.compat.v1.train.AdamOptimizer` calls and keeps the same state: `m` and
`v` for each parameter, and beta1 and beta2 to the power of step + 1 as running products. A port
that uses it equals its TensorFlow 1 original to the last bit, so that whatever differs is a
mistake. Once nothing differs, put `tf.keras.optimizers.Adam(learning_rate, epsilon=1e-8)` in its
place: the same formula, rounded differently.

No twin: TensorFlow 1 has this built in.
"""

from __future__ import annotations

import tensorflow as tf

from shared.program import setting


def optimizer_flag():
    """Returns the setting `--optimizer` of a model that trains with Adam."""
    return setting(
        "keras",
        "Adam of Keras, or of TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )


class TF1Adam(tf.Module):
    """The part of a Keras optimizer's interface that the pairs use, on TensorFlow 1's kernel.

    Defaults are those of `tf.compat.v1.train.AdamOptimizer`; Keras's epsilon is 1e-7 instead.
    """

    def __init__(self, learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
        super().__init__()
        # A number, not a variable: a function that was traced before a change keeps the old rate.
        self.learning_rate = learning_rate
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def build(self, parameters):
        """Creates the slots of `parameters`, a list of float32 variables."""
        self.m = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
        self.v = [tf.Variable(tf.zeros_like(parameter)) for parameter in parameters]
        # Kept one step ahead, as TensorFlow 1 does: beta to the power of (steps done + 1).
        self.beta1_power = tf.Variable(self.beta1, dtype=tf.float32)
        self.beta2_power = tf.Variable(self.beta2, dtype=tf.float32)

    @property
    def variables(self):
        """The state as a list in Keras's order: two numbers, then `m` and `v` of each parameter."""
        slots = [slot for pair in zip(self.m, self.v) for slot in pair]
        return [self.beta1_power, self.beta2_power, *slots]

    def powers(self):
        """Returns the powers of beta by their names in a TensorFlow 1 checkpoint."""
        return {"beta1_power": self.beta1_power, "beta2_power": self.beta2_power}

    def apply_gradients(self, gradients_and_variables):
        """Updates every variable; takes (gradient, variable) in the order given to `build`."""
        for (gradient, variable), m, v in zip(gradients_and_variables, self.m, self.v):
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
        self.beta1_power.assign(self.beta1_power * self.beta1)
        self.beta2_power.assign(self.beta2_power * self.beta2)
