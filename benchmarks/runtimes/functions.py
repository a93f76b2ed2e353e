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
from tf2_style import many_steps


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


def stacked(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on NumPy batches, which every call copies."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _a_call(model, model.train_steps, workload.arrays)


def gathered(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on rows gathered from examples that are kept as tensors.

    The gathering is timed too.
    """
    model = workload.create("tf2_style", runtime.optimizer)
    rows, examples = _rows_of_examples(workload)
    return repeated(
        lambda: model.train_steps(*(tf.gather(each, rows) for each in examples)),
        workload.steps,
        model.variables,
    )


def on_rows(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, each of which gathers its rows, in one thread."""
    model = workload.create("tf2_style", runtime.optimizer)
    train_rows = many_steps.function_of_rows(model.train_step)
    rows, examples = _rows_of_examples(workload)
    return repeated(lambda: train_rows(rows, *examples), workload.steps, model.variables)


def kept(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, on batches that are on the device already."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _a_call(model, model.train_steps, _on_device(workload))


def compiled_loop(runtime: Runtime, workload: Workload) -> Running:
    """Trains with many steps per call, the whole loop compiled by XLA."""
    return _compiled(workload.create("tf2_style", runtime.optimizer), workload, 1)


def unrolled_loop(runtime: Runtime, workload: Workload) -> Running:
    """Trains as `compiled_loop` does, with `UNROLLED` steps per iteration of the loop."""
    return _compiled(workload.create("tf2_style", runtime.optimizer), workload, UNROLLED)


def transposed_loop(runtime: Runtime, workload: Workload) -> Running:
    """Trains softmax regression as `compiled_loop` does, with weights that are [10, 784]."""
    model = workload.create("tf2_style", runtime.optimizer)
    return _compiled(_with_transposed_weights(type(model))(model.config), workload, 1)


def _with_transposed_weights(model: type) -> type:
    """Returns the class of softmax regression with its weights kept as [10, 784].

    Their gradient is then a product whose rows are long, which Eigen computes faster.
    """

    class Transposed(model):
        def create_parameters(self) -> None:
            super().create_parameters()
            self.weights: Any = tf.Variable(tf.transpose(self.parameters["weights"]))
            self.parameters["weights"] = self.weights

        def forward(self, images: Any) -> Any:
            return tf.matmul(images, self.weights, transpose_b=True) + self.biases

        def variables(self) -> dict[str, np.ndarray]:
            values = super().variables()
            return {**values, "weights": values["weights"].T}

    return Transposed


def _compiled(model: Any, workload: Workload, steps_at_once: int) -> Running:
    """Returns what trains by one call of a loop that XLA compiles.

    An iteration makes `steps_at_once` steps; those that are left over come after the loop. Called
    is the ConcreteFunction: for lines the search for the trace would be a tenth of the time.
    """
    train_step = type(model).train_step.python_function
    outputs = model.train_step.get_concrete_function().structured_outputs
    rest = workload.steps % steps_at_once

    @tf.function(jit_compile=True)
    def train_steps(*batches: Any) -> Any:
        def train(losses: Any, step: Any) -> Any:
            found = train_step(model, *[array[step] for array in batches])
            return tf.nest.map_structure(lambda each, loss: each.write(step, loss), losses, found)

        losses = tf.nest.map_structure(
            lambda loss: tf.TensorArray(loss.dtype, workload.steps), outputs
        )
        for first in tf.range(0, workload.steps - rest, steps_at_once):
            for place in range(steps_at_once):
                losses = train(losses, first + place)
        for step in range(workload.steps - rest, workload.steps):
            losses = train(losses, step)
        return tf.nest.map_structure(lambda each: each.stack(), losses)

    batches = _on_device(workload)
    return _a_call(model, train_steps.get_concrete_function(*batches), batches)


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


def _rows_of_examples(workload: Workload) -> tuple[np.ndarray, list[Any]]:
    """Returns numbers of examples [steps, batch], and all examples as tensors."""
    examples = [tf.constant(array.reshape(-1, *array.shape[2:])) for array in workload.arrays]
    numbers = np.arange(workload.steps * workload.batch)
    return numbers.reshape(workload.steps, workload.batch), examples


def _a_call(model: Any, train_steps: Callable[..., Any], batches: Sequence[Any]) -> Running:
    return repeated(lambda: train_steps(*batches), len(batches[0]), model.variables)


def _on_device(workload: Workload) -> Sequence[Any]:
    return [tf.identity(array) for array in workload.arrays]
