"""Adam: its epsilon, the state it keeps, and how it rounds."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from shared.tools.pitfalls.pitfall import Pitfall
from shared.tools.pitfalls.training import train_in_session, train_with_keras

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

SMALL_GRADIENT = "weight after 1 step, gradient 1e-8"


def _epsilon_tf1() -> Measured:
    trained = train_in_session(lambda tf: tf.train.AdamOptimizer(0.001), [1e-8])
    return {SMALL_GRADIENT: trained["weight"]}


def _epsilon_tf2() -> Measured:
    import tensorflow as tf

    return {SMALL_GRADIENT: train_with_keras(tf.keras.optimizers.Adam(0.001), [1e-8])}


def _epsilon_instead() -> Measured:
    import tensorflow as tf

    weight = tf.Variable(0.0)
    optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)  # as in TF1
    optimizer.apply_gradients([(tf.constant(1e-8), weight)])
    # measured
    return {SMALL_GRADIENT: float(weight)}


EPSILON = Pitfall(
    name="adam-epsilon",
    title="Adam's epsilon is 1e-8 in TF1 and 1e-7 in Keras",
    what="Weights with small gradients learn up to ten times more slowly; the others do not show "
    "it. With a gradient of 1e-8 the first update is a tenth of what it was.",
    why="Adam divides by sqrt(v) + epsilon. Where sqrt(v) is far below epsilon, the step is "
    "inversely proportional to epsilon.",
    sources=(
        "https://www.tensorflow.org/api_docs/python/tf/compat/v1/train/AdamOptimizer.md.txt",
        "https://tensorflow.org/versions/r2.7/api_docs/python/tf/keras/optimizers/Adam",
        "keras/src/optimizers/adam.py",
    ),
    tf1=_epsilon_tf1,
    tf2=_epsilon_tf2,
    instead=_epsilon_instead,
)

STEPS_READ = "steps taken, read after 1,000 steps"
NEXT_STEP = "update of step 1,001, from the state of 1,000"


@functools.lru_cache(maxsize=2)  # after 1,000 steps, and after one more
def _state_after(steps: int) -> dict[str, float]:
    """The variables of a TF1 checkpoint after steps whose gradient was 1/2."""
    return train_in_session(lambda tf: tf.train.AdamOptimizer(0.001), [0.5] * steps)


def _state_tf1() -> Measured:
    before, after = _state_after(1000), _state_after(1001)
    power = before["beta1_power"]  # 0.9**1001 would be 1.6e-46: below what float32 can hold
    steps = math.log(power) / math.log(0.9) - 1 if power > 0 else math.inf
    return {STEPS_READ: steps, NEXT_STEP: after["weight"] - before["weight"]}


def _state_tf2() -> Measured:
    import tensorflow as tf

    trained = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
    train_with_keras(trained, [0.5] * 1000)
    state = _state_after(1000)
    weight = tf.Variable(state["weight"])
    optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
    optimizer.build([weight])
    optimizer.variables[2].assign(state["weight/Adam"])
    optimizer.variables[3].assign(state["weight/Adam_1"])
    # No variable of a TF1 checkpoint is called "iteration", so that it stays 0.
    optimizer.apply_gradients([(tf.constant(0.5), weight)])
    return {STEPS_READ: int(trained.iterations), NEXT_STEP: float(weight) - state["weight"]}


def _state_instead() -> Measured:
    import math

    import tensorflow as tf

    def adam_from_tf1(
        weight: tf.Variable, m: float, v: float, beta2_power: float
    ) -> tf.keras.Optimizer:
        optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
        optimizer.build([weight])
        iteration, _, momentum, velocity = optimizer.variables
        # beta2_power is 0.999**(steps + 1). Never take beta1_power: it is 0
        # from step 829 on.
        iteration.assign(round(math.log(beta2_power) / math.log(0.999)) - 1)
        momentum.assign(m)
        velocity.assign(v)
        return optimizer

    # measured
    state = _state_after(1000)
    weight = tf.Variable(state["weight"])
    slots = state["weight/Adam"], state["weight/Adam_1"], state["beta2_power"]
    optimizer = adam_from_tf1(weight, *slots)
    steps = int(optimizer.iterations)
    optimizer.apply_gradients([(tf.constant(0.5), weight)])
    return {STEPS_READ: steps, NEXT_STEP: float(weight) - state["weight"]}


STATE = Pitfall(
    name="adam-state",
    title="Adam's state is two powers of beta in TF1 and a step count in Keras",
    what="A TF1 checkpoint has no step count for Keras. When only m and v are carried over, the "
    "next update is corrected as if it were the first, and is 0.4 times as large. When the count "
    "is read from beta1_power, it is infinite.",
    why="TF1 keeps beta1_power and beta2_power, multiplied each step; Keras keeps `iteration`. "
    "beta1_power falls below the smallest normal float32 at step 829 and then is flushed to 0; "
    "beta2_power lasts for some 87,000 steps, and its logarithm gives the count.",
    sources=(
        "https://github.com/tensorflow/tensorflow/issues/26349",
        "https://github.com/tensorflow/tensorflow/issues/26353",
        "tensorflow/python/training/adam.py",
        "keras/src/optimizers/adam.py",
    ),
    tf1=_state_tf1,
    tf2=_state_tf2,
    instead=_state_instead,
)

SECOND_MOMENT = "v after 1 step, gradient 1"
CORRECTION = "1 - beta2**t at step 3"
FIRST_STEP = "weight after 1 step, gradient 1"
HUNDREDTH_STEP = "weight after 100 steps, gradients 1, 1/2, 1/3, ..."
_HARMONIC = [1.0 / step for step in range(1, 101)]


def _rounding_tf1() -> Measured:
    first, second, hundredth = (
        train_in_session(lambda tf: tf.train.AdamOptimizer(0.001), _HARMONIC[:steps])
        for steps in (1, 2, 100)
    )
    return {
        SECOND_MOMENT: first["weight/Adam_1"],
        CORRECTION: _one_minus(second["beta2_power"]),  # step 3 uses what 2 steps left
        FIRST_STEP: first["weight"],
        HUNDREDTH_STEP: hundredth["weight"],
    }


def _rounding_tf2() -> Measured:
    import tensorflow as tf

    adam = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
    first = train_with_keras(adam, _HARMONIC[:1])
    velocity = float(adam.variables[3])
    return {
        SECOND_MOMENT: velocity,
        CORRECTION: _one_minus(float(tf.pow(tf.constant(0.999), 3.0))),
        FIRST_STEP: first,
        HUNDREDTH_STEP: train_with_keras(tf.keras.optimizers.Adam(0.001, epsilon=1e-8), _HARMONIC),
    }


def _one_minus(value: float) -> float:
    import numpy as np

    return float(np.float32(1) - np.float32(value))


def _rounding_instead() -> Measured:
    import tensorflow as tf

    weight, m, v = tf.Variable(0.0), tf.Variable(0.0), tf.Variable(0.0)
    beta1_power, beta2_power = tf.Variable(0.9), tf.Variable(0.999)

    @tf.function
    def update(gradient: tf.Tensor) -> None:
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

    # measured
    seen = []
    for gradient in _HARMONIC:
        update(tf.constant(gradient))
        seen.append((float(weight), float(v), float(beta2_power)))
    return {
        SECOND_MOMENT: seen[0][1],
        CORRECTION: _one_minus(seen[1][2]),
        FIRST_STEP: seen[0][0],
        HUNDREDTH_STEP: seen[99][0],
    }


ROUNDING = Pitfall(
    name="adam-rounding",
    title="Keras's Adam has TF1's formula but rounds in other places",
    what="With every setting equal the first update already differs in its sixth digit, and "
    "training drifts apart from there, although nothing in the port is wrong.",
    why="Two roundings, both enlarged because 1 - 0.999 cancels. TF1's kernel computes 1 - beta2 "
    "in float32 and gets 0.00099998713; Keras computes it in Python and gets 0.001, 1.3e-5 more. "
    "And TF1 multiplies beta2_power each step where Keras recomputes beta2**t: the two differ in "
    "the last bit, which 1 - beta2**t enlarges a thousandfold in the first steps. Keras with "
    "beta_2=float(numpy.float32(0.999)) is rid of the first and keeps the second; only the "
    "kernel itself gives equal bits.",
    sources=(
        "keras/src/optimizers/adam.py",
        "tensorflow/python/training/adam.py",
        "https://www.tensorflow.org/api_docs/python/tf/compat/v1/train/AdamOptimizer.md.txt",
    ),
    tf1=_rounding_tf1,
    tf2=_rounding_tf2,
    instead=_rounding_instead,
)
