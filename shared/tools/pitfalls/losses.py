"""Losses: what they are divided by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

WEIGHTED_LOSS = "mean squared error of errors 1 2 3 4, weights 1 1 0 0"
_TARGETS = [[1.0], [2.0], [3.0], [4.0]]
_WEIGHTS = [[1.0], [1.0], [0.0], [0.0]]


def _reduction_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        predictions = tf.zeros([4, 1])
        loss = tf.losses.mean_squared_error(tf.constant(_TARGETS), predictions, _WEIGHTS)
        return {WEIGHTED_LOSS: float(session.run(loss))}


def _reduction_tf2() -> Measured:
    import tensorflow as tf

    loss = tf.keras.losses.MeanSquaredError()
    predictions = tf.zeros([4, 1])
    value = loss(tf.constant(_TARGETS), predictions, sample_weight=tf.constant(_WEIGHTS))
    return {WEIGHTED_LOSS: float(value)}


def _reduction_instead() -> Measured:
    import tensorflow as tf

    def mean_squared_error(
        targets: tf.Tensor, predictions: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        losses = weights * tf.square(predictions - targets)
        counted = tf.math.count_nonzero(weights, dtype=losses.dtype)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), counted)

    # measured
    value = mean_squared_error(tf.constant(_TARGETS), tf.zeros([4, 1]), tf.constant(_WEIGHTS))
    return {WEIGHTED_LOSS: float(value)}


REDUCTION = Pitfall(
    name="loss-reduction",
    title="A weighted loss is divided by the weights that are not 0 in TF1, by all in Keras",
    what="With padding masked by weights of 0, loss and gradients shrink by the share of the "
    "padding, and with them the effective learning rate, batch by batch.",
    why="tf.losses reduces with SUM_BY_NONZERO_WEIGHTS, Keras with sum_over_batch_size. Keras's "
    "reduction 'mean_with_sample_weight' divides by the sum of the weights: the same thing only "
    "where they are 0 and 1.",
    sources=(
        "https://www.tensorflow.org/versions/r2.13/api_docs/python/tf/compat/v1/losses/"
        "Reduction.md.txt",
        "tensorflow/python/ops/losses/losses_impl.py",
        "keras/src/losses/loss.py, reduce_values",
    ),
    tf1=_reduction_tf1,
    tf2=_reduction_tf2,
    instead=_reduction_instead,
)

STEP_BY_TAPE = "weight after 1 step of rate 1/8: against a tape"
STEP_BY_FIT = "weight after 1 step of rate 1/8: against Keras fit"
_INPUTS = [[1.0], [2.0], [3.0], [4.0]]  # the derivative of each example's loss by the weight


def _unreduced_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        losses = weight * tf.constant(_INPUTS)
        update = tf.train.GradientDescentOptimizer(0.125).minimize(losses)
        session.run(tf.global_variables_initializer())
        session.run(update)
        trained = float(session.run(weight))
    return {STEP_BY_TAPE: trained, STEP_BY_FIT: trained}


def _unreduced_tf2() -> Measured:
    import tensorflow as tf

    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        losses = weight * tf.constant(_INPUTS)
    weight.assign_sub(0.125 * tape.gradient(losses, weight))
    fitted = _fit(lambda targets, predictions: tf.squeeze(predictions, 1))
    return {STEP_BY_TAPE: float(weight), STEP_BY_FIT: fitted}


def _fit(loss: Any) -> float:
    """Weight of a Keras model, prediction = weight * input, after one batch."""
    import numpy as np
    import tensorflow as tf

    layer = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    model = tf.keras.Sequential([tf.keras.Input([1]), layer])
    model.compile(optimizer=tf.keras.optimizers.SGD(0.125), loss=loss)
    model.fit(np.array(_INPUTS, np.float32), np.zeros([4, 1], np.float32), batch_size=4, verbose=0)
    return float(layer.kernel[0, 0])


def _unreduced_instead() -> Measured:
    import tensorflow as tf

    def summed_loss(targets: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
        losses = tf.squeeze(predictions, 1)  # a loss per example
        return tf.reduce_sum(losses)  # a scalar: Keras leaves it as it is

    # measured
    return {STEP_BY_FIT: _fit(summed_loss)}


UNREDUCED = Pitfall(
    name="unreduced-loss",
    title="A loss per example is summed by minimize and by a tape, and averaged by fit",
    what="Moved into Keras's fit, a training whose loss was never reduced learns as many times "
    "more slowly as the batch has examples. Moved into a tape it does not change.",
    why="The gradient of a tensor of losses is the gradient of their sum, in tf.gradients and in "
    "GradientTape. Keras reduces what a loss function returns by sum_over_batch_size.",
    sources=(
        "https://TensorFlow.org/versions/r2.7/api_docs/python/tf/keras/losses/Reduction",
        "keras/src/losses/loss.py, reduce_values",
    ),
    tf1=_unreduced_tf1,
    tf2=_unreduced_tf2,
    instead=_unreduced_instead,
)
