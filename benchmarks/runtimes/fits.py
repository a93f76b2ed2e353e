"""The TensorFlow 2 style inside Keras's `fit`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from benchmarks.clock import Running
from benchmarks.models_and_batches import Workload
from benchmarks.runtimes import Runtime


class Fitted(tf.keras.Model):
    """A model whose `fit` trains by the pair's own step, as Keras's guide on custom steps shows."""

    def __init__(self, model: Any) -> None:
        """Takes a model of the TensorFlow 2 style."""
        super().__init__()
        self._own_step = model.train_step  # inlined where `fit` is traced

    def train_step(self, data: Any) -> dict[str, Any]:
        """Updates the pair's parameters on one batch."""
        return {"loss": self._own_step(*data)}


def fit(runtime: Runtime, workload: Workload) -> Running:
    """Trains with `fit` as it is by default: one call per step, by XLA if Keras chooses it."""
    return _fit(runtime, workload, steps_per_execution=1)


def fit_many_steps(runtime: Runtime, workload: Workload) -> Running:
    """Trains with `fit`, all steps of an epoch in one execution."""
    return _fit(runtime, workload, steps_per_execution=workload.steps)


def _fit(runtime: Runtime, workload: Workload, steps_per_execution: int) -> Running:
    model = workload.create("tf2_style", runtime.optimizer)
    fitted = Fitted(model)
    fitted.compile(steps_per_execution=steps_per_execution)
    inputs, targets = (np.reshape(array, [-1, *array.shape[2:]]) for array in workload.arrays)

    def run(epochs: int) -> None:
        fitted.fit(
            inputs, targets, batch_size=workload.batch, shuffle=False, epochs=epochs, verbose=0
        )

    return Running(workload.steps, run, model.variables)
