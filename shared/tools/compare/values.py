"""The numbers of one trace, as float64 arrays by stage, name and step; None where not kept.

Beside the stages of a trace there is `update`: what a step adds to a variable. A wrong update
shows there at once, where in the variable itself it would hide below the rounding.
"""

from __future__ import annotations

from typing import Protocol

import cachetools
import numpy as np

from shared.tools.compare.distances import EPSILON, differences
from shared.trace_recorder import FLOAT_DTYPES, TensorInfo, as_float64

# How much of what was read is kept: enough for the tensors of two steps of the CNN. One that is
# larger is read each time that it is asked for.
KEPT_BYTES = 512 * 2**20
# Causal order within a step.
ORDER = ("logits", "loss", "gradient", "slot", "variable")


class Readable(Protocol):
    """What is read of a trace, or of a view of one under other names."""

    path: str
    meta: dict
    tensors: list[TensorInfo]
    steps: np.ndarray
    losses: np.ndarray
    loss_dtype: str

    def records(self, stage: str, name: str) -> np.ndarray:
        """Returns what each step left of a tensor."""

    def whole_steps(self, stage: str, name: str) -> list[int]:
        """Returns the steps at which a tensor was kept whole."""

    def whole(self, stage: str, name: str, step: int) -> np.ndarray:
        """Returns a tensor as it was at a step."""


def _bytes_of(array: np.ndarray) -> int:
    return array.nbytes


class Values:
    """Reads the arrays of one trace; those read last stay in memory, up to `KEPT_BYTES`."""

    def __init__(self, trace: Readable) -> None:
        """Notes the names; arrays are read when they are asked for."""
        self.trace = trace
        self._info = {(t.stage, t.name): t for t in trace.tensors}
        self._kept = {key: frozenset(trace.whole_steps(*key)) for key in self._info}
        kept = cachetools.LRUCache[tuple[str, str, int], np.ndarray](KEPT_BYTES, _bytes_of)
        self._read = cachetools.cached(kept, key=lambda *place: place)(self._read_whole)
        # A recorder that finds no loss notes NaN at every step.
        losses = as_float64(trace.losses, trace.loss_dtype) if trace.loss_dtype else np.zeros(0)
        self._has_no_loss = bool(np.isnan(losses).all())
        self.steps: list[int] = [int(step) for step in trace.steps]

    def names(self, stage: str) -> list[str]:
        """Returns the tensors of a stage, in the order of recording."""
        if stage == "loss":
            return ["loss"] if self.trace.loss_dtype else []
        return [name for s, name in self._info if s == stage]

    def dtype(self, stage: str, name: str) -> str:
        """Returns the dtype's name; "" for an unknown tensor."""
        if stage == "loss":
            return self.trace.loss_dtype
        info = self._info.get((stage, name))
        return "" if info is None else info.dtype

    def is_float(self, stage: str, name: str) -> bool:
        """Returns whether a tensor holds floating-point numbers."""
        return self.dtype(stage, name) in FLOAT_DTYPES

    def epsilon(self, stage: str, name: str) -> float:
        """Returns the distance from 1 to the next number of the dtype; 0 for integers."""
        return EPSILON.get(self.dtype(stage, name), 0.0)

    def get(self, stage: str, name: str, step: int) -> np.ndarray | None:
        """Returns a tensor as a step left it."""
        if stage == "loss":
            if self._has_no_loss:
                return None
            found = self.trace.losses[self.trace.steps == step]
            return as_float64(found, self.trace.loss_dtype) if found.size else None
        if step not in self._kept.get((stage, name), ()):
            return None
        return self._read(stage, name, step)

    def _read_whole(self, stage: str, name: str, step: int) -> np.ndarray:
        return as_float64(self.trace.whole(stage, name, step), self.dtype(stage, name))

    def before(self, stage: str, name: str, step: int) -> np.ndarray | None:
        """Returns a slot or variable as the step before left it, or as it was at the start."""
        kept = self.get(stage, name, step - 1)
        return self.get("initial", f"{stage}/{name}", step - 1) if kept is None else kept

    def update(self, name: str, step: int) -> np.ndarray | None:
        """Returns what a step adds to a variable."""
        now, before = self.get("variable", name, step), self.before("variable", name, step)
        if now is None or before is None or now.shape != before.shape:
            return None
        return differences(before, now)

    def norm(self, stage: str, name: str, step: int) -> float | None:
        """Returns the L2 norm of a tensor at a step, which is recorded though elements are not."""
        if (stage, name) not in self._info:
            return None
        records = self.trace.records(stage, name)
        found = records["norm"][records["step"] == step]
        return float(found[0]) if found.size else None

    def trained(self) -> list[str]:
        """Returns the variables that have gradients: neither averages nor counters."""
        variables = set(self.names("variable"))
        return [name for name in self.names("gradient") if name in variables]

    def slots_of(self, variable: str) -> list[str]:
        """Returns the slots such as "weights/m" of a variable, by the longest matching name."""
        owners = sorted(self.names("variable") + self.names("gradient"), key=len)
        return [
            slot
            for slot in self.names("slot")
            if slot.startswith(variable + "/")
            and max((o for o in owners if slot.startswith(o + "/")), key=len) == variable
        ]

    def first_step(self) -> int:
        """Returns the first recorded step."""
        return self.steps[0]
