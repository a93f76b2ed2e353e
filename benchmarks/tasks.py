"""The tasks that are timed: train, evaluate, predict, save and restore."""

from __future__ import annotations

import importlib
import itertools
import tempfile
from typing import Any, Callable

import numpy as np

from benchmarks.clock import Running, cycled, repeated
from benchmarks.models_and_batches import PeerStart, Workload
from benchmarks.runtimes import LITE, REFERENCE, Runtime
from shared.models import Pair
from shared.program.batches import inputs_of


def open_task(
    task: str, runtime: Runtime, workload: Workload, start: PeerStart | None = None
) -> Running:
    """Makes the model at step 0, ready for `task`: train, or a key of `TASKS`.

    Every task but training is done by the model's own methods; `runtime` says in which style.
    """
    if task == "train":
        return runtime.open(workload, start)
    style = "tf1_style" if runtime.name in (REFERENCE, "tf115") else "tf2_style"
    model = workload.create(style, runtime.optimizer)
    if task == "predict" and runtime.name in _PREDICTORS:
        functions = importlib.import_module("benchmarks.runtimes.functions")
        return _predict(model, workload.pair, getattr(functions, _PREDICTORS[runtime.name]))
    return TASKS[task](model, workload.pair)


def _evaluate(model: Any, pair: Pair) -> Running:
    examples = test_data(model.config, pair)
    if not hasattr(model, "evaluate"):  # of two networks only `measure` is the model's own
        return repeated(lambda: model.measure(*examples)[0], 1, model.variables)
    return repeated(lambda: model.evaluate(*examples)["loss"], 1, model.variables)


# By the runtime's name, what returns another call of a model than its own `predict`.
_PREDICTORS = {
    "concrete": "concrete_predict",
    "function-xla": "compiled_predict",
    LITE: "lite_predict",
}


def _predict(
    model: Any, pair: Pair, predictor: Callable[..., Any] = lambda model, *one: model.predict
) -> Running:
    inputs = inputs_of(model, test_data(model.config, pair))
    examples = [tuple(array[index : index + 1] for array in inputs) for index in range(100)]
    predict = predictor(model, *examples[0])
    return cycled(lambda *one: np.asarray(predict(*one)), examples, model.variables)


def _save(model: Any, pair: Pair) -> Running:
    folder = tempfile.TemporaryDirectory(prefix="benchmark-")
    numbers = itertools.count()

    def save() -> int:
        model.save(folder.name)  # the closure keeps the folder until the task is forgotten
        return next(numbers)

    return repeated(save, 1, model.variables)


def _restore(model: Any, pair: Pair) -> Running:
    folder = tempfile.TemporaryDirectory(prefix="benchmark-")
    path = model.save(folder.name)

    def restore() -> int:
        model.restore(path)
        return len(folder.name)  # the closure keeps the folder, as above

    return repeated(restore, 1, model.variables)


def test_data(config: Any, pair: Pair) -> tuple:
    """Returns what the model is evaluated on: all points, or the examples of its test set."""
    return pair.task.test(pair.task.load(config))


TASKS: dict[str, Callable[[Any, Pair], Running]] = {
    "evaluate": _evaluate,
    "predict": _predict,
    "save": _save,
    "restore": _restore,
}
