"""RMSProp and Adagrad: their epsilons, and where their slots start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.tools.pitfalls.pitfall import Pitfall
from shared.tools.pitfalls.training import train_in_session, train_with_keras

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

RMSPROP_FIRST = "weight after 1 step, gradient 0.5"
RMSPROP_LATER = "weight after 300 gradients of 0 and one of 1e-5"
_LATE_GRADIENT = [0.0] * 300 + [1e-5]


def _rmsprop_tf1() -> Measured:
    first, later = (
        train_in_session(lambda tf: tf.train.RMSPropOptimizer(0.01), gradients)
        for gradients in ([0.5], _LATE_GRADIENT)
    )
    return {RMSPROP_FIRST: first["weight"], RMSPROP_LATER: later["weight"]}


def _rmsprop_tf2() -> Measured:
    import tensorflow as tf

    first, later = (
        train_with_keras(tf.keras.optimizers.RMSprop(0.01), gradients)
        for gradients in ([0.5], _LATE_GRADIENT)
    )
    return {RMSPROP_FIRST: first, RMSPROP_LATER: later}


def _rmsprop_instead() -> Measured:
    import tensorflow as tf

    def rmsprop(weights: list[tf.Variable]) -> tf.keras.Optimizer:
        optimizer = tf.keras.optimizers.RMSprop(0.01, rho=0.9, epsilon=1e-10)
        optimizer.build(weights)
        for slot in optimizer.variables:
            if slot.path.endswith("_velocity"):
                slot.assign(tf.ones_like(slot))  # TF1 starts it at 1, Keras at 0
        return optimizer

    # measured
    weights = tf.Variable(0.0), tf.Variable(0.0)
    return {
        RMSPROP_FIRST: train_with_keras(rmsprop([weights[0]]), [0.5], weights[0]),
        RMSPROP_LATER: train_with_keras(rmsprop([weights[1]]), _LATE_GRADIENT, weights[1]),
    }


RMSPROP = Pitfall(
    name="rmsprop-defaults",
    title="RMSProp's slot starts at 1 in TF1 and at 0 in Keras; epsilon is 1e-10 and 1e-7",
    what="The first updates are several times as large as they were, which can end a training "
    "that used to converge; later, small gradients count for less.",
    why="The gradient is divided by the square root of its running mean square plus epsilon. "
    "TF1 starts the mean at 1, so that the first steps are small; from 0 it is a tenth of the "
    "first gradient's square.",
    sources=(
        "https://TensorFlow.org/api_docs/python/tf/compat/v1/train/RMSPropOptimizer",
        "tensorflow/python/training/rmsprop.py",
        "keras/src/optimizers/rmsprop.py",
    ),
    tf1=_rmsprop_tf1,
    tf2=_rmsprop_tf2,
    instead=_rmsprop_instead,
)

ADAGRAD_SMALL = "weight after 1 step, gradient 1e-4, slot from 1e-8"


def _adagrad_tf1() -> Measured:
    trained = train_in_session(
        lambda tf: tf.train.AdagradOptimizer(0.01, initial_accumulator_value=1e-8), [1e-4]
    )
    return {ADAGRAD_SMALL: trained["weight"]}


def _adagrad_tf2() -> Measured:
    import tensorflow as tf

    optimizer = tf.keras.optimizers.Adagrad(0.01, initial_accumulator_value=1e-8)
    return {ADAGRAD_SMALL: train_with_keras(optimizer, [1e-4])}


def _adagrad_instead() -> Measured:
    import tensorflow as tf

    optimizer = tf.keras.optimizers.Adagrad(
        0.01,
        initial_accumulator_value=1e-8,
        epsilon=0.0,  # TF1 has none
    )
    # measured
    return {ADAGRAD_SMALL: train_with_keras(optimizer, [1e-4])}


ADAGRAD = Pitfall(
    name="adagrad-epsilon",
    title="Adagrad has no epsilon in TF1 and one of 1e-7 in Keras",
    what="Weights whose gradients are small are moved less. With the default start of the slot, "
    "0.1, it is a matter of the last digits; with a small start it is a factor.",
    why="TF1 divides by the square root of the slot, Keras by the square root of the slot plus "
    "1e-7.",
    sources=(
        "https://tensorflow.org/api_docs/python/tf/compat/v1/train/AdagradOptimizer",
        "tensorflow/python/training/adagrad.py",
        "keras/src/optimizers/adagrad.py",
    ),
    tf1=_adagrad_tf1,
    tf2=_adagrad_tf2,
    instead=_adagrad_instead,
)
