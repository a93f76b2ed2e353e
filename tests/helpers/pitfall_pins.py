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
from pitfall_layer_pins import LAYER_PINS


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
        shape=[units], dtype=tf.float32, seed=1, seed2=operation_seed
    )
    return "".join("1" if number >= 0.5 else "0" for number in numbers.numpy())


def _stateless_bits() -> str:
    import tensorflow as tf

    numbers = tf.raw_ops.StatelessRandomUniform(shape=[24], seed=[1, 2])
    return "".join("1" if number < 0.5 else "0" for number in numbers.numpy())


def _dropout_seed() -> dict[str, Pin]:
    first_of_graph = _uniform_bits(0, 24)
    # The 1.15 graph holds five operations before the one that draws.
    sixth_of_graph = _uniform_bits(5, 24)
    drawn_by_eager = random.Random(1).randint(0, 2**31 - 1)
    stateless = _stateless_bits()
    # XLA's own derivation of a key has no kernel to compare with: seen with TensorFlow 2.21.0.
    xla = "110110111100101110111010"
    return {
        "units kept by tf.nn.dropout: against eager": Pin(
            first_of_graph, _uniform_bits(drawn_by_eager, 24), tf115=sixth_of_graph
        ),
        "units kept by tf.nn.dropout: against tf.function": Pin(
            first_of_graph, first_of_graph, tf115=sixth_of_graph
        ),
        "units kept by a stateless mask: against eager": Pin(stateless, stateless),
        "units kept by a stateless mask: against tf.function": Pin(stateless, stateless),
        "units kept by a stateless mask: against XLA": Pin(stateless, xla),
        "units kept by a stateless mask: against XLA, alg=philox": Pin(stateless, xla),
        "units kept by a stateless mask: against XLA, philox, a constant": Pin(
            stateless, stateless
        ),
    }


def _dropout_nan() -> dict[str, Pin]:
    kept = _uniform_bits(0, 64).count("1")
    return {"NaN left by dropout of 64 units that are all NaN, rate 1/2": Pin(kept, kept, tf115=64)}


_SOFTMAX = math.exp(2) / (1 + math.exp(2))  # of the first of the logits 2 and 0
_TWICE = 1 / (1 + math.exp(1 - 2 * _SOFTMAX))  # a softmax of both, the first again
_EXP_AND_LOG = 2e-6  # a softmax near 1 is rounded by 6e-8, and its distance from 1 is an eighth
_TRUNCATED = 0.8796256610342398  # of a standard normal cut at two standard deviations
_NO_DENSE = "AttributeError: `dense` is not available with Keras 3."


def pins_of(name: str) -> dict[str, Pin]:
    """The pins of one pitfall, by quantity."""
    if name == "dropout-seed":
        return _dropout_seed()
    return _dropout_nan() if name == "dropout-nan" else {**_PINS, **LAYER_PINS}[name]


_PINS: dict[str, dict[str, Pin]] = {
    "tf32-onednn": {"float32 products in TF32 allowed": Pin(True, True, tf115=False)},
    "adam-epsilon": {
        "weight after 1 step, gradient 1e-8": Pin(
            _adam([1e-8], 1e-8, **_IN_FLOAT32),
            _adam([1e-8], 1e-7, **_IN_PYTHON),
            relative=1e-5,  # 1 - 0.999 in float32 and in Python differ by 1.3e-5, its root by half
        )
    },
    "adam-state": {
        "steps taken, read after 1,000 steps": Pin(math.inf, 1000, instead=1000),
        "update of step 1,001, from the state of 1,000": Pin(
            -0.001,  # of equal gradients, m / sqrt(v) is 1 once it is corrected
            -0.001 * math.sqrt(0.001) / 0.1 / math.sqrt(1 - 0.999**1001),
            relative=3e-4,  # a difference of weights near 1, each rounded by up to 3e-8
        ),
    },
    "adam-rounding": {
        "v after 1 step, gradient 1": Pin(_IN_FLOAT32["factor2"], _IN_PYTHON["factor2"]),
        "1 - beta2**t at step 3": Pin(
            float(np.float32(1) - _BETA2 * _BETA2 * _BETA2),
            float(np.float32(1) - np.float32(float(_BETA2) ** 3)),
        ),
        "weight after 1 step, gradient 1": Pin(
            _adam([1.0], 1e-8, **_IN_FLOAT32),
            _adam([1.0], 1e-8, **_IN_PYTHON),
            relative=5e-7,  # eight roundings of up to 6e-8
        ),
        "weight after 100 steps, gradients 1, 1/2, 1/3, ...": Pin(
            _adam(_HARMONIC, 1e-8, **_IN_FLOAT32),
            _adam(_HARMONIC, 1e-8, **_IN_PYTHON),
            relative=2e-6,  # a few roundings of 6e-8 a step, adding up like a random walk of 100
        ),
    },
    "rmsprop-defaults": {
        "weight after 1 step, gradient 0.5": Pin(
            _rmsprop(1.0, 0.5, 1e-10), _rmsprop(0.0, 0.5, 1e-7), relative=5e-7
        ),  # eight roundings, as below
        "weight after 300 gradients of 0 and one of 1e-5": Pin(
            _rmsprop(0.9**300, 1e-5, 1e-10), _rmsprop(0.0, 1e-5, 1e-7), relative=5e-7
        ),
    },
    "adagrad-epsilon": {
        "weight after 1 step, gradient 1e-4, slot from 1e-8": Pin(
            -0.01 * 1e-4 / math.sqrt(2e-8),
            -0.01 * 1e-4 / math.sqrt(2e-8 + 1e-7),
            relative=5e-7,  # eight roundings of up to 6e-8
        )
    },
    "momentum-rate": {
        # a is 1, 3/2, 7/4; m is 1/2, 3/4, 7/8 at one rate and 1/2, 1/2, 1/2 at the lowered one.
        "weight after 3 steps, rate 1/2 throughout": Pin(
            -(1 + 1.5 + 1.75) / 2, -(0.5 + 0.75 + 0.875)
        ),
        "weight after 3 steps, rate 1/2, then 1/4": Pin(
            -(1 / 2 + 1.5 / 4 + 1.75 / 4), -(0.5 + 0.5 + 0.5)
        ),
    },
    "sparse-adam": {
        # The sum of 1, 2 and -2.5 is 1/2, that of their squares 11.25. 1 - beta in float32 and in
        # Python differ by 1.3e-5.
        "m of a row of gradients 1, 2, -2.5": Pin(0.1 * 0.5, 0.1 * 0.5, relative=1.4e-5),
        "v of a row of gradients 1, 2, -2.5": Pin(0.001 * 0.25, 0.001 * 11.25, relative=1.4e-5),
        "that row after 1 step of rate 0.1 from 1": Pin(
            1 - 0.1 * 0.5 / 0.5, 1 - 0.1 * 0.5 / math.sqrt(11.25), relative=1.4e-5
        ),
        "v of a row of gradient 1": Pin(0.001, 0.001, relative=1.4e-5),
    },
    "sparse-momentum": {
        # The slot is 1, then 3/2 where it is used and 1/2 where it is not.
        "row used in both of 2 steps": Pin(1 - (1 + 1.5) / 2, 1 - (1 + 1.5) / 2),
        "row used in the first step only": Pin(1 - 1 / 2, 1 - (1 + 0.5) / 2),
    },
    "clip-norm": {
        "two weights after 1 step, gradients 3 and 4, norm 1": Pin(
            [-3 / 5, -4 / 5],
            [-1.0, -1.0],
            relative=5e-7,  # eight roundings of up to 6e-8
        )
    },
    "ema-start": {
        "averages of a weight 0, -1, -2, -3, decay 1/2": Pin(
            [-1 / 2, -(1 / 2 + 2) / 2, -(5 / 4 + 3) / 2], [-1.0, -(1.0 + 2) / 2, -(3 / 2 + 3) / 2]
        )
    },
    "loss-reduction": {
        "mean squared error of errors 1 2 3 4, weights 1 1 0 0": Pin((1 + 4) / 2, (1 + 4) / 4)
    },
    "unreduced-loss": {
        "weight after 1 step of rate 1/8: against a tape": Pin(
            -(1 + 2 + 3 + 4) / 8, -(1 + 2 + 3 + 4) / 8
        ),
        "weight after 1 step of rate 1/8: against Keras fit": Pin(
            -(1 + 2 + 3 + 4) / 8, -(1 + 2 + 3 + 4) / 4 / 8
        ),
    },
    "halved-l2": {
        "penalty of weights 3 and 4, factor 1/8": Pin(25 / 8 / 2, 25 / 8),
        "its gradient by the first": Pin(3 / 8, 2 * 3 / 8),
    },
    "double-softmax": {
        "loss of logits 2 0, label 1 0": Pin(
            -math.log(_SOFTMAX), -math.log(_TWICE), relative=_EXP_AND_LOG
        ),
        "its gradient by the first logit": Pin(
            _SOFTMAX - 1,
            2 * (_TWICE - 1) * _SOFTMAX * (1 - _SOFTMAX),
            relative=_EXP_AND_LOG,
        ),
    },
    "label-gradient": {
        "gradient of a weight 1 that scales labels and logits": Pin(
            2 * _SOFTMAX,  # through the logits
            2 * _SOFTMAX - math.log(1 - _SOFTMAX),  # and through the label of the second class
            relative=5e-7,  # eight roundings of up to 6e-8
        )
    },
    "naive-cross-entropy": {
        "loss alone: against eager": Pin(0.0, math.nan),
        "loss alone: against tf.function": Pin(0.0, 0.0),
        "loss alone: against XLA": Pin(0.0, math.nan),
        "loss fetched with its gradient: against tf.function": Pin(math.nan, math.nan, instead=0.0),
    },
    "initializer-stddev": {
        # Four standard errors of a standard deviation from 10,000 draws: 4 / sqrt(2 * 10,000).
        "standard deviation of random_normal_initializer()": Pin(1.0, 0.05, relative=0.028),
        "standard deviation of the truncated normal initializer": Pin(
            _TRUNCATED, 0.05 * _TRUNCATED, relative=0.028
        ),
    },
    "frozen-rate": {
        "weight after 3 steps, rate 1 halved each step": Pin(-(1 + 1 / 2 + 1 / 4), -(1.0 + 1 + 1))
    },
    "side-effects": {"times a counter beside the prediction was increased": Pin(0, 1)},
    "fetched-twice": {
        "batches of which the loss was logged": Pin([1, 2, 3], [1, 3, 5]),
        "weight after 3 steps of rate 1/8": Pin(-(1 + 2 + 3) / 8, -(2 + 4 + 6) / 8),
    },
    "tracing": {
        "times a line of Python ran in 3 steps": Pin(3, 1),
        "different graphs run for 3 learning rates": Pin(1, 3),
    },
    "tensor-equality": {
        "tensor of 1 2 == tensor of 1 3": Pin("False", "[True, False]"),
        "tensor as the key of a dictionary": Pin(
            "found", "TypeError: Tensor is unhashable. Instead, use tensor.ref() as the key."
        ),
    },
    "untracked-variables": {
        "trained variables": Pin(1, 0),
        "weight 1 after 1 step of gradient 2, rate 1/8": Pin(1 - 2 / 8, 1.0),
    },
    "predict-loop": {
        # Two a call: one for the data, and one for an epoch that does not come (epoch_iterator.py).
        "input pipelines started for 3 predictions": Pin(0, 6),
        "last prediction for 1, 2, 3": Pin(6.0, 6.0),
    },
    "upgrade-script": {
        "result of a placeholder script that doubles 21": Pin(
            42.0, "RuntimeError: tf.placeholder() is not compatible with eager execution."
        )
    },
    "removed-names": {
        "layers.dense of 3, kernel 2, bias 1": Pin(_NO_DENSE, _NO_DENSE, tf115=7.0),
        "nn.rnn_cell.LSTMCell found": Pin(False, False, tf115=True),
        # Legacy Keras brings back what belonged to Keras, and these two did not.
        "estimator.Estimator found": Pin(False, False, tf115=True, instead=False),
        "tf.contrib found": Pin(False, False, tf115=True, instead=False),
    },
}
