"""What a recording sees of the TensorFlow 2 style: a watch around a model's `update`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from shared.program.batches import Arrays
from shared.tools.parity.recording import Seen, state_variables


class Watch:
    """Makes a model's `update` keep what it consumes and leaves behind, step by step.

    The model's own functions train. When they are traced, or run eagerly, they find this `update`
    around their own, which copies each tensor into a row of a variable. So every step of a loop
    inside a tf.function leaves a row too. To be made before the model has trained.
    """

    def __init__(self, model: Any, inputs: Arrays, rows: int) -> None:
        """Takes a model, what `predict` takes of a batch, and how many steps to hold at a time."""
        self._loss, self._update = model.loss, model.update
        self._names = list(model.parameters)
        self._state = {"slot": model.slot_variables(), "variable": state_variables(model)}
        forms = {("logits", "logits"): model.predict(*inputs)}
        forms.update((("gradient", name), model.parameters[name]) for name in self._names)
        forms.update(self._state_by_key())
        self._rows = {
            key: tf.Variable(tf.zeros([rows, *value.shape], value.dtype), trainable=False)
            for key, value in forms.items()
        }
        self._row = tf.Variable(0, trainable=False)
        model.loss, model.update = self.loss, self.update

    def _state_by_key(self) -> dict[tuple[str, str], Any]:
        return {
            (stage, name): variable
            for stage, variables in self._state.items()
            for name, variable in variables.items()
        }

    def loss(self, logits: Any, *targets: Any) -> Any:
        """As the model's `loss`."""
        self._logits = logits
        return self._loss(logits, *targets)

    def update(self, gradients: Any) -> None:
        """As the model's `update`."""
        self._keep(("logits", "logits"), self._logits)
        for name, gradient in zip(self._names, gradients, strict=True):
            self._keep(("gradient", name), gradient)
        self._update(gradients)
        for key, variable in self._state_by_key().items():
            self._keep(key, variable)
        self._row.assign_add(1)

    def _keep(self, key: tuple[str, str], value: Any) -> None:
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._rows[key].handle, indices=self._row, updates=tf.convert_to_tensor(value)
        )

    def seen(self) -> Seen:
        """What the updates since the last call computed."""
        count = int(self._row)
        self._row.assign(0)
        found: dict[str, dict[str, np.ndarray]] = {"slot": {}}
        for (stage, name), rows in self._rows.items():
            found.setdefault(stage, {})[name] = rows.numpy()[:count]
        return found
