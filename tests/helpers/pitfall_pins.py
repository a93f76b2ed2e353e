"""The number that every pitfall must show on each side, and how far it may be off.

Numbers are computed here from the formulas, not taken from a run. `relative` is 0, bit for bit,
unless a comment gives the reason for another.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np

from pitfall_checks import Pin
from shared.tools.pitfalls import (
    adam,
    cross_entropy,
    dropout,
    graphs,
    layers,
    learning_rate,
    losses,
    optimizers,
    upgrade,
)


def _float32(value: float) -> float:
    return float(np.float32(value))


def _adam(gradients: Sequence[float], epsilon: float, factor1: float, factor2: float) -> float:
    """A weight from 0 after Adam at rate 0.001, in float64, its betas rounded to float32.

    `factor1` and `factor2` are what multiplies g - m and g*g - v: 1 - beta in two roundings.
    """
    beta1, beta2 = _float32(0.9), _float32(0.999)
    weight = m = v = 0.0
    for step, gradient in enumerate(gradients, 1):
        m += (gradient - m) * factor1
        v += (gradient**2 - v) * factor2
        rate = _float32(0.001) * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        weight -= rate * m / (math.sqrt(v) + epsilon)
    return weight


_IN_FLOAT32 = {"factor1": 1 - _float32(0.9), "factor2": 1 - _float32(0.999)}
_IN_PYTHON = {"factor1": _float32(1 - 0.9), "factor2": _float32(1 - 0.999)}
_HARMONIC = [_float32(1 / step) for step in range(1, 101)]
_BETA2 = np.float32(0.999)


def _rmsprop(mean_square: float, gradient: float, epsilon: float) -> float:
    return -0.01 * gradient / math.sqrt(0.9 * mean_square + 0.1 * gradient**2 + epsilon)


def _uniform_bits(operation_seed: int, units: int) -> str:
    """Units that the kernel behind tf.nn.dropout keeps at rate 1/2 with the global seed 1."""
    import tensorflow as tf

    tf.random.set_seed(0)  # a kernel that ran before would go on in its sequence of numbers
    numbers = tf.raw_ops.RandomUniform(
        shape=[units], dtype=tf.float32, seed=dropout.GLOBAL_SEED, seed2=operation_seed
    )
    return "".join("1" if number >= 0.5 else "0" for number in numbers.numpy())


def _stateless_bits() -> str:
    import tensorflow as tf

    numbers = tf.raw_ops.StatelessRandomUniform(shape=[dropout.UNITS], seed=dropout.MASK_SEED)
    return "".join("1" if number < 0.5 else "0" for number in numbers.numpy())


def _dropout_seed() -> dict[str, Pin]:
    first_of_graph = _uniform_bits(0, dropout.UNITS)
    # The 1.15 graph holds five operations before the one that draws.
    sixth_of_graph = _uniform_bits(5, dropout.UNITS)
    drawn_by_eager = random.Random(dropout.GLOBAL_SEED).randint(0, 2**31 - 1)
    stateless = _stateless_bits()
    # XLA's own derivation of a key has no kernel to compare with: seen with TensorFlow 2.21.0.
    xla = "110110111100101110111010"
    return {
        dropout.EAGER: Pin(
            first_of_graph, _uniform_bits(drawn_by_eager, dropout.UNITS), tf115=sixth_of_graph
        ),
        dropout.FUNCTION: Pin(first_of_graph, first_of_graph, tf115=sixth_of_graph),
        dropout.MASK_EAGER: Pin(stateless, stateless),
        dropout.MASK_FUNCTION: Pin(stateless, stateless),
        dropout.MASK_XLA: Pin(stateless, xla),
        dropout.MASK_PHILOX: Pin(stateless, xla),
        dropout.MASK_CONSTANT: Pin(stateless, stateless),
    }


def _dropout_nan() -> dict[str, Pin]:
    kept = _uniform_bits(0, dropout.NAN_UNITS).count("1")
    return {dropout.NAN_KEPT: Pin(kept, kept, tf115=dropout.NAN_UNITS)}


_SOFTMAX = math.exp(2) / (1 + math.exp(2))  # of the first of the logits 2 and 0
_TRUNCATED = 0.8796256610342398  # of a standard normal cut at two standard deviations
_NO_DENSE = "AttributeError: `dense` is not available with Keras 3."


def pins_of(name: str) -> dict[str, Pin]:
    """The pins of one pitfall, by quantity."""
    if name == "dropout-seed":
        return _dropout_seed()
    return _dropout_nan() if name == "dropout-nan" else _PINS[name]


_PINS: dict[str, dict[str, Pin]] = {
    "adam-epsilon": {
        adam.SMALL_GRADIENT: Pin(
            _adam([1e-8], 1e-8, **_IN_FLOAT32),
            _adam([1e-8], 1e-7, **_IN_PYTHON),
            relative=1e-5,  # 1 - 0.999 in float32 and in Python differ by 1.3e-5, its root by half
        )
    },
    "adam-state": {
        adam.STEPS_READ: Pin(math.inf, 1000, instead=1000),
        adam.NEXT_STEP: Pin(
            -0.001,  # of equal gradients, m / sqrt(v) is 1 once it is corrected
            -0.001 * math.sqrt(0.001) / 0.1 / math.sqrt(1 - 0.999**1001),
            relative=3e-4,  # a difference of weights near 1, each rounded by up to 3e-8
        ),
    },
    "adam-rounding": {
        adam.SECOND_MOMENT: Pin(_IN_FLOAT32["factor2"], _IN_PYTHON["factor2"]),
        adam.CORRECTION: Pin(
            float(np.float32(1) - _BETA2 * _BETA2 * _BETA2),
            float(np.float32(1) - np.float32(float(_BETA2) ** 3)),
        ),
        adam.FIRST_STEP: Pin(
            _adam([1.0], 1e-8, **_IN_FLOAT32),
            _adam([1.0], 1e-8, **_IN_PYTHON),
            relative=5e-7,  # eight roundings of up to 6e-8
        ),
        adam.HUNDREDTH_STEP: Pin(
            _adam(_HARMONIC, 1e-8, **_IN_FLOAT32),
            _adam(_HARMONIC, 1e-8, **_IN_PYTHON),
            relative=2e-6,  # a few roundings of 6e-8 a step, adding up like a random walk of 100
        ),
    },
    "rmsprop-defaults": {
        optimizers.RMSPROP_FIRST: Pin(
            _rmsprop(1.0, 0.5, 1e-10), _rmsprop(0.0, 0.5, 1e-7), relative=5e-7
        ),  # eight roundings, as below
        optimizers.RMSPROP_LATER: Pin(
            _rmsprop(0.9**300, 1e-5, 1e-10), _rmsprop(0.0, 1e-5, 1e-7), relative=5e-7
        ),
    },
    "adagrad-epsilon": {
        optimizers.ADAGRAD_SMALL: Pin(
            -0.01 * 1e-4 / math.sqrt(2e-8),
            -0.01 * 1e-4 / math.sqrt(2e-8 + 1e-7),
            relative=5e-7,  # eight roundings of up to 6e-8
        )
    },
    "momentum-rate": {
        # a is 1, 3/2, 7/4; m is 1/2, 3/4, 7/8 at one rate and 1/2, 1/2, 1/2 at the lowered one.
        learning_rate.CONSTANT_RATE: Pin(-(1 + 1.5 + 1.75) / 2, -(0.5 + 0.75 + 0.875)),
        learning_rate.LOWERED_RATE: Pin(-(1 / 2 + 1.5 / 4 + 1.75 / 4), -(0.5 + 0.5 + 0.5)),
    },
    "loss-reduction": {losses.WEIGHTED_LOSS: Pin((1 + 4) / 2, (1 + 4) / 4)},
    "unreduced-loss": {
        losses.STEP_BY_TAPE: Pin(-(1 + 2 + 3 + 4) / 8, -(1 + 2 + 3 + 4) / 8),
        losses.STEP_BY_FIT: Pin(-(1 + 2 + 3 + 4) / 8, -(1 + 2 + 3 + 4) / 4 / 8),
    },
    "label-gradient": {
        cross_entropy.LABEL_GRADIENT_OF: Pin(
            2 * _SOFTMAX,  # through the logits
            2 * _SOFTMAX - math.log(1 - _SOFTMAX),  # and through the label of the second class
            relative=5e-7,  # eight roundings of up to 6e-8
        )
    },
    "naive-cross-entropy": {
        cross_entropy.ALONE_EAGER: Pin(0.0, math.nan),
        cross_entropy.ALONE_FUNCTION: Pin(0.0, 0.0),
        cross_entropy.ALONE_XLA: Pin(0.0, math.nan),
        cross_entropy.TRAINING: Pin(math.nan, math.nan, instead=0.0),
    },
    "batch-norm-variance": {
        # Squares of -3/2, -1/2, 1/2, 3/2 over 3 and over 4; three roundings of up to 6e-8.
        layers.MOVING_VARIANCE: Pin(5 / 3, 5 / 4, relative=2e-7)
    },
    "initializer-stddev": {
        # Four standard errors of a standard deviation from 10,000 draws: 4 / sqrt(2 * 10,000).
        layers.NORMAL: Pin(1.0, 0.05, relative=0.028),
        layers.TRUNCATED: Pin(_TRUNCATED, 0.05 * _TRUNCATED, relative=0.028),
    },
    "frozen-rate": {learning_rate.DECAYED: Pin(-(1 + 1 / 2 + 1 / 4), -(1.0 + 1 + 1))},
    "side-effects": {graphs.SIDE_EFFECT_RUNS: Pin(0, 1)},
    "tracing": {graphs.PYTHON_RUNS: Pin(3, 1), graphs.GRAPHS_BUILT: Pin(1, 3)},
    "tensor-equality": {
        graphs.EQUALS: Pin("False", "[True, False]"),
        graphs.AS_KEY: Pin(
            "found", "TypeError: Tensor is unhashable. Instead, use tensor.ref() as the key."
        ),
    },
    "upgrade-script": {
        upgrade.SCRIPT_RESULT: Pin(
            42.0, "RuntimeError: tf.placeholder() is not compatible with eager execution."
        )
    },
    "removed-names": {
        upgrade.DENSE: Pin(_NO_DENSE, _NO_DENSE, tf115=7.0),
        "keras.utils.track_tf1_style_variables found": Pin(False, False),
        "keras.utils.DeterministicRandomTestTool found": Pin(False, False),
        "estimator.Estimator found": Pin(False, False, tf115=True),
    },
}
