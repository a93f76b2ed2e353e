"""The runtimes of the installed TensorFlow: each turns a pair into a model and a way to run it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from shared.models import Pair
from shared.parity.recording import Execution, own_execution

Made = tuple[Any, Execution]  # the model's config, and the model at step 0 with the way to run it


def session(pair: Pair) -> Made:
    """The TensorFlow 1 style in a compat.v1 Session."""
    model = pair.create("tf1_style")
    return model.config, own_execution(model)


def function(pair: Pair) -> Made:
    """One call of a tf.function a step."""
    config, model = _exact(pair)
    return config, _a_call_a_step(model)


def many_steps(pair: Pair) -> Made:
    """One call of a tf.function for many steps."""
    config, model = _exact(pair)
    return config, own_execution(model)


def eager(pair: Pair) -> Made:
    """No graph: every operation runs when Python reaches it."""
    config, model = _exact(pair)
    execution = _a_call_a_step(model)
    return config, execution._replace(
        predict=_eagerly(execution.predict),
        gradients=_eagerly(execution.gradients),
        train_steps=_eagerly(execution.train_steps),
    )


def keras(pair: Pair) -> Made:
    """One call of a tf.function a step, with Keras's Adam."""
    config, model = _model(pair, "keras")
    return config, _a_call_a_step(model)


def xla(pair: Pair) -> Made:
    """One call a step of a tf.function that XLA compiles; the noise of dropout is fed."""
    config, model = _exact(pair)
    set_noise = _feed_noise(model) if hasattr(model, "noise") else None
    predict, gradients, train_step = (
        _compiled(model, name) for name in ("predict", "gradients", "train_step")
    )

    def with_noise(compiled: Callable[..., Any]) -> Callable[..., Any]:
        def run(*batch: np.ndarray) -> Any:
            if set_noise:
                set_noise(len(batch[0]))
            return compiled(*batch)

        return run

    return config, Execution(
        with_noise(predict),
        with_noise(gradients),
        _loop(with_noise(train_step)),
        model.variables,
        model.slots,
    )


def function_without_tf32(pair: Pair) -> Made:
    """One call of a tf.function a step, with float32 multiplied as float32 on a GPU too."""
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return function(pair)


def _exact(pair: Pair) -> tuple[Any, Any]:
    """The TensorFlow 2 style with the same optimizer kernel as the TensorFlow 1 style."""
    return _model(pair, pair.same_kernel.optimizer)


def _model(pair: Pair, optimizer: str | None) -> tuple[Any, Any]:
    model = pair.create("tf2_style", optimizer)
    return model.config, model


def _a_call_a_step(model: Any) -> Execution:
    return own_execution(model)._replace(train_steps=_loop(model.train_step))


def _loop(train_step: Callable[..., Any]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def train_steps(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        batches = zip(inputs, targets, strict=True)
        return np.array([train_step(*batch).numpy() for batch in batches])

    return train_steps


def _eagerly(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_eagerly(*batch: np.ndarray) -> Any:
        tf.config.run_functions_eagerly(True)
        try:
            return run(*batch)
        finally:
            tf.config.run_functions_eagerly(False)

    return run_eagerly


def _compiled(model: Any, name: str) -> Callable[..., Any]:
    method = getattr(type(model), name).python_function
    return tf.function(lambda *batch: method(model, *batch), jit_compile=True)


def _feed_noise(model: Any) -> Callable[[int], None]:
    """Makes `model.noise` return a variable; returns what sets it to the numbers of the step.

    Compiled by XLA, `stateless_uniform` gives other numbers for a seed known only at run time.
    """
    seed, units = model.config.seed, model.dense_biases.shape[0]
    noise = tf.Variable(tf.zeros([model.config.batch_size, units]), trainable=False)
    model.noise = lambda shape: noise

    def set_noise(batch_size: int) -> None:
        noise.assign(tf.random.stateless_uniform([batch_size, units], [seed, model.step()]))

    return set_noise
