"""Examples kept as tensors: gathered rows train to the same bits as batches made by NumPy."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from shared.models import PAIRS
from shared.program.progress import Progress
from shared.program.training_run import TrainingRun
from tf2_style import many_steps

# Two calls: one of as many steps as run in one thread and two that are left over, one of two steps.
CALL = many_steps.STEPS_AT_ONCE + 2
STEPS = CALL + 2
MODELS = ("softmax_regression", "mlp", "cnn")


def trained(name: str, train: Any) -> dict[str, np.ndarray]:
    """The variables after a few steps of `train`, a function of the model and a TrainingRun."""
    pair = PAIRS[name]
    program = pair.program("tf2_style")
    config = pair.module("tf2_style").Config(steps=STEPS, batch_size=8, report_every=CALL)
    model = pair.create("tf2_style", steps=STEPS, batch_size=8, report_every=CALL)
    unsaved = types.SimpleNamespace(task=program.task, save=lambda model, folder: "")
    run = TrainingRun(unsaved, config, model, pair.task.load(config), Progress())
    run._has_saved = True
    train(model, run)
    assert model.step() == STEPS
    return dict(model.variables())


def on_batches(batches: Any) -> Any:
    """Returns what trains by `train_steps` on what `batches` makes of a TrainingRun."""

    def train(model: Any, run: Any) -> None:
        for images, labels in batches(run):
            run.report(model.train_steps(images, labels))

    return train


def differing(name: str, train: Any) -> list[str]:
    """The variables that are not bitwise what NumPy's batches lead to."""
    expected = trained(name, on_batches(lambda run: run.batches()))
    found = trained(name, train)
    return [key for key in expected if expected[key].tobytes() != found[key].tobytes()]


@pytest.mark.parametrize("name", MODELS)
def test_the_style_files_train_to_the_same_bits(name: str) -> None:
    assert differing(name, PAIRS[name].program("tf2_style").train_with) == []


@pytest.mark.parametrize("name", MODELS)
def test_gathered_batches_train_to_the_same_bits(name: str) -> None:
    gathered = on_batches(lambda run: run.batches(tf.constant, tf.gather))
    assert differing(name, gathered) == []


def test_other_rows_are_caught() -> None:
    def others(kept: Any, rows: np.ndarray) -> Any:
        return tf.gather(kept, rows[:, ::-1] - 1)

    train = on_batches(lambda run: run.batches(tf.constant, others))
    assert differing("softmax_regression", train) == ["weights", "biases"]


def test_other_rows_of_a_call_are_caught() -> None:
    def train(model: Any, run: Any) -> None:
        parts = ((rows - 1, *kept) for rows, *kept in run.rows(tf.constant))
        for losses in many_steps.on_rows(model.train_step, parts):
            run.report(losses)

    assert differing("softmax_regression", train) == ["weights", "biases"]


def test_examples_are_kept_once() -> None:
    kept = []

    def keep(array: np.ndarray) -> Any:
        kept.append(array.shape)
        return tf.constant(array)

    train = on_batches(lambda run: run.batches(keep, tf.gather))
    assert differing("softmax_regression", train) == []
    assert [shape[1:] for shape in kept] == [(784,), (10,)]  # once each, though two calls were made


@pytest.mark.parametrize("name", MODELS)
def test_the_style_files_take_their_batches_so(name: str) -> None:
    asked: list[tuple] = []

    def taking(what: str) -> Any:
        def take(*how: Any) -> list:
            asked.append((what, *how))
            return []

        return take

    model: Any = types.SimpleNamespace(train_step=lambda *batch: None)
    run: Any = types.SimpleNamespace(batches=taking("batches"), rows=taking("rows"))
    PAIRS[name].program("tf1_style").train_with(model, run)
    PAIRS[name].program("tf2_style").train_with(model, run)
    gathered = ("batches", tf.constant, tf.gather)
    assert asked == [("batches",), gathered if name == "cnn" else ("rows", tf.constant)]
