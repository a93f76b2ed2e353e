"""What a recording sees of the TensorFlow 2 style: a watch around a model's `update`."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from shared.program.batches import Arrays
from shared.tools.parity.recording import Seen, parameters_by_update, state_variables


class Watch:
    """Makes a model's `update` keep what it consumes and leaves behind, step by step.

    The model's own functions train. When they are traced, or run eagerly, they find this `update`
    around their own, which copies each tensor into a row of a variable. So every step of a loop
    inside a tf.function leaves a row too. To be made before the model has trained.
    """

    def __init__(self, model: Any, inputs: Arrays, rows: int) -> None:
        """Takes a model, what `predict` takes of a batch, and how many steps to hold at a time."""
        self._loss, self._update = model.loss, model.update
        self._names = parameters_by_update(model)
        self._updates_done = 0  # in the trace of a function, or so far where it runs eagerly
        self._state = {"slot": model.slot_variables(), "variable": state_variables(model)}
        self._predicted = model.predict(*inputs)
        self._row_count, self._row = rows, tf.Variable(0, trainable=False)
        self._rows: dict[tuple[str, str], Any] = {}
        self._handed: dict[tuple[str, str], np.ndarray] = {}
        for name, parameter in model.parameters.items():
            self._make_rows(("gradient", name), parameter.shape, parameter.dtype)
        for key, variable in self._state_by_key().items():
            self._make_rows(key, variable.shape, variable.dtype)
        model.loss, model.update = self.loss, self.update

    def _make_rows(self, key: tuple[str, str], shape: Any, dtype: Any, seen: Any = None) -> None:
        zeros = tf.zeros([self._row_count, *shape], dtype)
        # Sizes that the function does not know stay unknown: from a known size of a batch Grappler
        # would infer others, and turn divisions by them into products with other roundings.
        known = [self._row_count, *(shape if seen is None else seen)]
        self._rows[key] = tf.Variable(zeros, trainable=False, shape=tf.TensorShape(known))

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

    def update(self, gradients: Any, *update: str) -> None:
        """As the model's `update`, which takes a name where a step makes several."""
        for name, gradient in zip(self._names["".join(update)], gradients, strict=True):
            self._keep(("gradient", name), gradient)
        self._update(gradients, *update)
        self._updates_done += 1
        if self._updates_done % len(self._names) == 0:
            self._keep_logits()
            for key, variable in self._state_by_key().items():
                self._keep(key, variable)
            self._row.assign_add(1)

    def _keep_logits(self) -> None:
        key = ("logits", "logits")
        if key not in self._rows:
            # Their shape shows only here; a function that is traced may not know the batch's size.
            sizes = zip(self._logits.shape, self._predicted.shape, strict=False)
            shape = [known if known is not None else predicted for known, predicted in sizes]
            with tf.init_scope():  # outside of the function that is being traced
                self._make_rows(key, shape, self._logits.dtype, self._logits.shape)
        self._keep(key, self._logits)

    def _keep(self, key: tuple[str, str], value: Any) -> None:
        tf.raw_ops.ResourceScatterUpdate(
            resource=self._rows[key].handle, indices=self._row, updates=tf.convert_to_tensor(value)
        )

    def seen(self) -> Seen:
        """What the updates since the last call computed, in arrays that the next call fills again.

        New ones for each call would take longer to be mapped than to be filled, where they are
        large.
        """
        count = int(self._row)
        self._row.assign(0)
        found: dict[str, dict[str, np.ndarray]] = {"slot": {}}
        for (stage, name), rows in self._rows.items():
            computed = np.asarray(rows.read_value())  # on a CPU, no copy
            handed = self._handed.setdefault((stage, name), np.empty_like(computed))
            np.copyto(handed[:count], computed[:count])
            found.setdefault(stage, {})[name] = handed[:count]
        return found
