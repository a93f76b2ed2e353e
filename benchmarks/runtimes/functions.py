"""The TensorFlow 2 style: eager, tf.function, many steps per call, XLA."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.clock import Running, repeated, stepwise
from benchmarks.models_and_batches import Workload
from benchmarks.runtimes import UNROLLED, Runtime
from shared.tensorflow_loading import without_chatter


def eager(runtime: Runtime, workload: Workload) -> Running:
    """Trains eagerly, with no graph: every operation runs when Python reaches it."""
    model = workload.create("tf2_style", runtime.optimizer)
    running = stepwise(model.train_step, workload, model.variables)

    def run(count: int) -> None:
        tf.config.run_functions_eagerly(True)
        try:
            running.run(count)
        finally:
            tf.config.run_functions_eagerly(False)

    return running._replace(run=run)


def function(runtime: Runtime, workload: Workload) -> Running:
    """Trains with one tf.function call per step, on NumPy batches."""
    model = workload.create("tf2_style", runtime.optimizer)
    return stepwise(model.train_step, workload, model.variables)


def dataset(runtime: Runtime, workload: Workload) -> Running:
    """Trains with one tf.function call per step, on batches from a tf.data pipeline."""
    model = workload.create("tf2_style", runtime.optimizer)
    slices = tf.data.Dataset.from_tensor_slices(workload.arrays)
    batches = iter(slices.repeat().prefetch(2))
    return repeated(lambda: model.train_step(*next(batches)), 1, model.variables)


def concrete(runtime: Runtime, workload: Workload) -> Running:
    """Trains with one call per step of the traced function itself: no signature is looked up."""
    model = workload.create("tf2_style", runtime.optimizer)
    train_step = model.train_step.get_concrete_function()
    return stepwise(lambda *batch: train_step(*map(tf.constant, batch)), workload, model.variables)


def compiled(runtime: Runtime, workload: Workload) -> Running:
    """Trains with one call per step of the function compiled by XLA."""
    model = workload.create("tf2_style", runtime.optimizer)
    return stepwise(by_xla(model, "train_step"), workload, model.variables)


def many_steps(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on NumPy batches, which every call copies."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _a_call(model, model.train_steps, workload.arrays)


def gathered(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on rows gathered from examples that are kept as tensors.

    The gathering is timed too.
    """
    model = workload.create("tf2_style", runtime.optimizer)
    kept = [tf.constant(array.reshape(-1, *array.shape[2:])) for array in workload.arrays]
    rows = np.arange(workload.steps * workload.batch).reshape(workload.steps, workload.batch)
    return repeated(
        lambda: model.train_steps(*(tf.gather(examples, rows) for examples in kept)),
        workload.steps,
        model.variables,
    )


def kept(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on batches that are on the device already."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _a_call(model, model.train_steps, _on_device(workload))


def compiled_loop(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, the whole loop compiled by XLA."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _a_call(model, by_xla(model, "train_steps"), _on_device(workload))


def unrolled_loop(runtime: Runtime, workload: Workload) -> Running:
    """Trains as `compiled_loop` does, with `UNROLLED` steps per iteration of the loop.

    The steps that are left over come after the loop.
    """
    model = workload.create("tf2_style", runtime.optimizer)
    train_step = type(model).train_step.python_function
    rest = workload.steps % UNROLLED

    @tf.function(jit_compile=True)
    def train_steps(*batches: Any) -> Any:
        losses = tf.TensorArray(tf.float32, workload.steps)
        for first in tf.range(0, workload.steps - rest, UNROLLED):
            for step in range(UNROLLED):
                batch = [array[first + step] for array in batches]
                losses = losses.write(first + step, train_step(model, *batch))
        for step in range(workload.steps - rest, workload.steps):
            losses = losses.write(step, train_step(model, *[array[step] for array in batches]))
        return losses.stack()

    return _a_call(model, train_steps, _on_device(workload))


def concrete_predict(model: Any, *one: np.ndarray) -> Callable[..., Any]:
    """Returns `predict` of one example as a ConcreteFunction, which takes tensors."""
    predict = model.predict.get_concrete_function()
    return lambda *inputs: predict(*map(tf.constant, inputs))


def compiled_predict(model: Any, *one: np.ndarray) -> Callable[..., Any]:
    """Returns `predict` as a ConcreteFunction that XLA compiles for the shape of `one`."""
    predict = by_xla(model, "predict").get_concrete_function(*map(tf.constant, one))
    return lambda *inputs: predict(*map(tf.constant, inputs))


def lite_predict(model: Any, *one: np.ndarray) -> Callable[..., Any]:
    """Returns `predict` converted to TensorFlow Lite for the shape of `one`.

    The values that the variables have now are copied into what is converted.
    """
    shapes = [tf.TensorSpec(array.shape, array.dtype) for array in one]
    given = model.predict.get_concrete_function(*shapes)
    converted = tf.lite.TFLiteConverter.from_concrete_functions([given], model).convert()
    with warnings.catch_warnings(), without_chatter():
        # TensorFlow 2.21 announces that the package ai_edge_litert will have this class alone.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated")
        interpreter = tf.lite.Interpreter(model_content=converted)
        interpreter.allocate_tensors()
    numbers = {detail["name"]: detail["index"] for detail in interpreter.get_input_details()}
    inputs = [numbers[spec.name] for spec in given.structured_input_signature[0]]
    (output,) = (detail["index"] for detail in interpreter.get_output_details())

    def predict(*arrays: np.ndarray) -> np.ndarray:
        for number, array in zip(inputs, arrays, strict=True):
            interpreter.set_tensor(number, array)
        interpreter.invoke()
        found: np.ndarray = interpreter.get_tensor(output)
        return found

    return predict


def by_xla(model: Any, name: str) -> Any:
    """Returns the method of this name compiled by XLA, for the shapes it is called with."""
    method = getattr(type(model), name).python_function
    return tf.function(lambda *batch: method(model, *batch), jit_compile=True)


def _a_call(model: Any, train_steps: Callable[..., Any], batches: Sequence[Any]) -> Running:
    return repeated(lambda: train_steps(*batches), len(batches[0]), model.variables)


def _on_device(workload: Workload) -> Sequence[Any]:
    return [tf.identity(array) for array in workload.arrays]
