"""The runtimes of the installed TensorFlow: each turns a pair into a model and a way to run it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from shared.models import Pair
from shared.program.batches import Arrays, Batch, arrays_of, call, each_step, stack
from shared.tools.parity.recording import Run, Seen
from shared.tools.parity.session import session as session  # one of the runtimes, on any TensorFlow
from shared.tools.parity.watch import Watch


def function(pair: Pair) -> Run:
    """One call of a tf.function a step."""
    model = _exact(pair)
    return _run(model, _loop(model.train_step))


def many_steps(pair: Pair) -> Run:
    """One call of a tf.function for many steps."""
    model = _exact(pair)
    return _run(model, model.train_steps)._replace(steps_a_call=5)


def eager(pair: Pair) -> Run:
    """No graph: every operation runs when Python reaches it."""
    model = _exact(pair)
    return _run(model, _eagerly(_loop(model.train_step)))


def keras(pair: Pair) -> Run:
    """One call of a tf.function for many steps, with Keras's optimizer in place of TF1's kernel."""
    model = pair.create("tf2_style", "keras")
    return _run(model, model.train_steps)


def xla(pair: Pair) -> Run:
    """One call a step of a tf.function that XLA compiles; the noise of dropout is fed."""
    model = _exact(pair)
    set_noise = _feed_noise(model) if hasattr(model, "noise") else None
    compiled = _compiled(model)

    def train_step(*batch: np.ndarray, **named: np.ndarray) -> Any:
        if set_noise:
            set_noise(len(arrays_of(named or batch)[0]))
        return compiled(*batch, **named)

    return _run(model, _loop(train_step))


def gpu(pair: Pair) -> Run:
    """As `function`, on the first GPU, with float32 multiplied as float32."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return function(pair)


def _exact(pair: Pair) -> Any:
    """The TensorFlow 2 style with the same optimizer kernel as the TensorFlow 1 style."""
    return pair.create("tf2_style", pair.same_kernel.optimizer)


def _run(model: Any, train_steps: Callable[..., Any]) -> Run:
    def watch(inputs: Arrays, steps: int) -> Callable[[], Seen]:
        return Watch(model, inputs, steps).seen

    return Run(model.config, model, train_steps, watch)


def _loop(train_step: Callable[..., Any]) -> Callable[..., Any]:
    def train_steps(*batches: np.ndarray, **named: np.ndarray) -> Any:
        stacked = _unstacked(named or batches)
        return stack([call(train_step, batch) for batch in each_step(stacked)])

    return train_steps


def _unstacked(batch: Batch) -> Any:
    """Returns a list of tensors for each array: a call of a tf.function would convert each row."""
    if isinstance(batch, Mapping):
        return {name: tf.unstack(array) for name, array in batch.items()}
    return tuple(tf.unstack(array) for array in batch)


def _eagerly(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_eagerly(*batch: np.ndarray, **named: np.ndarray) -> Any:
        tf.config.run_functions_eagerly(True)
        try:
            return run(*batch, **named)
        finally:
            tf.config.run_functions_eagerly(False)

    return run_eagerly


def _compiled(model: Any) -> Callable[..., Any]:
    train_step = type(model).train_step.python_function
    return tf.function(lambda *batch, **named: train_step(model, *batch, **named), jit_compile=True)


def _feed_noise(model: Any) -> Callable[[int], None]:
    """Makes `model.noise` return a variable; returns what sets it to the numbers of the step.

    Compiled by XLA, `stateless_uniform` gives other numbers for a seed known only at run time.
    """
    seed, units = model.config.seed, model.output_weights.shape[0]  # what dropout keeps or drops
    noise = tf.Variable(tf.zeros([model.config.batch_size, units]), trainable=False)
    model.noise = lambda shape: noise

    def set_noise(batch_size: int) -> None:
        noise.assign(tf.random.stateless_uniform([batch_size, units], [seed, model.step()]))

    return set_noise
