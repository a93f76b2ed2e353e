"""A learning rate that changes: under momentum, and where it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.tools.pitfalls.pitfall import Pitfall
from shared.tools.pitfalls.training import train_with_keras

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

CONSTANT_RATE = "weight after 3 steps, rate 1/2 throughout"
LOWERED_RATE = "weight after 3 steps, rate 1/2, then 1/4"


def _momentum_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    def train(rates: tuple[float, ...]) -> float:
        with tf.Graph().as_default(), tf.Session() as session:
            weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
            rate = tf.placeholder(tf.float32, [])
            update = tf.train.MomentumOptimizer(rate, momentum=0.5).minimize(weight * 1.0)
            session.run(tf.global_variables_initializer())
            for value in rates:
                session.run(update, {rate: value})
            return float(session.run(weight))

    return {CONSTANT_RATE: train((0.5, 0.5, 0.5)), LOWERED_RATE: train((0.5, 0.25, 0.25))}


def _momentum_tf2() -> Measured:
    import tensorflow as tf

    def train(rates: tuple[float, ...]) -> float:
        weight = tf.Variable(0.0)
        optimizer = tf.keras.optimizers.SGD(rates[0], momentum=0.5)
        for rate in rates:
            optimizer.learning_rate = rate
            optimizer.apply_gradients([(tf.constant(1.0), weight)])
        return float(weight)

    return {CONSTANT_RATE: train((0.5, 0.5, 0.5)), LOWERED_RATE: train((0.5, 0.25, 0.25))}


def _momentum_instead() -> Measured:
    import tensorflow as tf

    def apply_momentum(
        weight: tf.Variable,
        accumulator: tf.Variable,
        gradient: tf.Tensor,
        rate: float,
    ) -> None:
        tf.raw_ops.ResourceApplyMomentum(  # the kernel that TF1 runs
            var=weight.handle,
            accum=accumulator.handle,
            lr=rate,
            grad=gradient,
            momentum=0.5,
        )

    # measured
    def train(rates: tuple[float, ...]) -> float:
        weight, accumulator = tf.Variable(0.0), tf.Variable(0.0)
        for rate in rates:
            apply_momentum(weight, accumulator, tf.constant(1.0), rate)
        return float(weight)

    return {CONSTANT_RATE: train((0.5, 0.5, 0.5)), LOWERED_RATE: train((0.5, 0.25, 0.25))}


MOMENTUM = Pitfall(
    name="momentum-rate",
    title="Momentum holds gradients in TF1, and steps that include the rate in Keras",
    what="While the learning rate is constant the two agree. From the first step at which it is "
    "lowered, Keras still moves at the old rate for as long as the momentum lasts.",
    why="TF1: a = momentum*a + g, w = w - rate*a. Keras: m = momentum*m - rate*g, w = w + m. The "
    "rate of an earlier step is inside m, but not inside a. A TF1 checkpoint's slot is therefore "
    "not Keras's either: m = -rate*a.",
    sources=(
        "https://tensorflow.org/api_docs/python/tf/compat/v1/train/MomentumOptimizer",
        "https://TensorFlow.org/versions/r2.4/api_docs/python/tf/keras/optimizers/SGD",
        "keras/src/optimizers/sgd.py",
    ),
    tf1=_momentum_tf1,
    tf2=_momentum_tf2,
    instead=_momentum_instead,
)

DECAYED = "weight after 3 steps, rate 1 halved each step"


def _frozen_rate_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.get_variable("weight", initializer=0.0, use_resource=True)
        step = tf.train.get_or_create_global_step()
        rate = tf.train.exponential_decay(1.0, step, decay_steps=1, decay_rate=0.5)
        update = tf.train.GradientDescentOptimizer(rate).minimize(weight * 1.0, step)
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(update)  # computes the rate anew from the step
        return {DECAYED: float(session.run(weight))}


def _frozen_rate_tf2() -> Measured:
    import tensorflow as tf

    weight, step = tf.Variable(0.0), tf.Variable(0)
    rate = tf.compat.v1.train.exponential_decay(1.0, step, decay_steps=1, decay_rate=0.5)()
    optimizer = tf.keras.optimizers.SGD(float(rate))  # a number: the rate of step 0, for ever
    for _ in range(3):
        optimizer.apply_gradients([(tf.constant(1.0), weight)])
        step.assign_add(1)
    return {DECAYED: float(weight)}


def _frozen_rate_instead() -> Measured:
    import tensorflow as tf

    schedules = tf.keras.optimizers.schedules
    rate = schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.5)
    optimizer = tf.keras.optimizers.SGD(rate)  # computes it anew each step
    # measured
    return {DECAYED: train_with_keras(optimizer, [1.0, 1.0, 1.0])}


FROZEN_RATE = Pitfall(
    name="frozen-rate",
    title="A learning rate computed in Python is computed once",
    what="The rate stays what it was at step 0: the schedule of the TF1 code is there, but no "
    "longer works, and nothing says so.",
    why="In TF1 the line that computes the rate builds a node, which every session.run "
    "evaluates. In TF2 the same line gives a number. Keras 3 refuses a tensor as a learning rate; "
    "once it is made a float to satisfy it, the rate is frozen.",
    sources=(
        "https://tensorflow.org/api_docs/python/tf/compat/v1/train/MomentumOptimizer",
        "https://TensorFlow.org/api_docs/python/tf/compat/v1/train/RMSPropOptimizer",
    ),
    tf1=_frozen_rate_tf1,
    tf2=_frozen_rate_tf2,
    instead=_frozen_rate_instead,
)
