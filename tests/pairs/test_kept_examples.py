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

STEPS = 6
MODELS = ("softmax_regression", "mlp", "cnn")


def trained(name: str, batches: Any) -> dict[str, np.ndarray]:
    """The variables after a few steps on what `batches` makes of a TrainingRun."""
    pair = PAIRS[name]
    program = pair.program("tf2_style")
    config = pair.module("tf2_style").Config(steps=STEPS, batch_size=8, report_every=4)
    model = pair.create("tf2_style", steps=STEPS, batch_size=8, report_every=4)
    unsaved = types.SimpleNamespace(task=program.task, save=lambda model, folder: "")
    run = TrainingRun(unsaved, config, model, pair.task.load(config), Progress())
    run._has_saved = True
    for images, labels in batches(run):
        run.report(model.train_steps(images, labels))
    assert model.step() == STEPS
    return dict(model.variables())


def differing(name: str, batches: Any) -> list[str]:
    """The variables that are not bitwise what NumPy's batches lead to."""
    expected = trained(name, lambda run: run.batches())
    found = trained(name, batches)
    return [key for key in expected if expected[key].tobytes() != found[key].tobytes()]


@pytest.mark.parametrize("name", MODELS)
def test_gathered_batches_train_to_the_same_bits(name: str) -> None:
    assert differing(name, lambda run: run.batches(tf.constant, tf.gather)) == []


def test_other_rows_are_caught() -> None:
    found = differing(
        "softmax_regression",
        lambda run: run.batches(tf.constant, lambda kept, rows: tf.gather(kept, rows[:, ::-1] - 1)),
    )
    assert found == ["weights", "biases"]


def test_examples_are_kept_once() -> None:
    kept = []

    def keep(array: np.ndarray) -> Any:
        kept.append(array.shape)
        return tf.constant(array)

    assert differing("softmax_regression", lambda run: run.batches(keep, tf.gather)) == []
    assert [shape[1:] for shape in kept] == [(784,), (10,)]  # once each, though two calls were made


@pytest.mark.parametrize("name", MODELS)
def test_the_style_files_take_their_batches_so(name: str) -> None:
    asked: list[tuple] = []

    def batches(*how: Any) -> list:
        asked.append(how)
        return []

    run: Any = types.SimpleNamespace(batches=batches)
    PAIRS[name].program("tf1_style").train_with(None, run)
    PAIRS[name].program("tf2_style").train_with(None, run)
    assert asked == [(), (tf.constant, tf.gather)]
