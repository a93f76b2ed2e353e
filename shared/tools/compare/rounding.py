"""How far rounding alone moves a run: measured by reruns, or assumed where none is possible.

Measured: the same program is run again from initial values whose last bits were changed at random.
The relative L2 by which a tensor then moves is what one rounding does to it, amplified by all that
lies between. A run by another TensorFlow rounds at every operation and not only at the start; sums
in another order of n terms are off by about sqrt(n) / 4 roundings. `MARGIN` is meant to cover
both. It is a choice, not a measured bound: with it the mistakes planted in ports are found, and the
ports without one pass (shared/tools/check/planted).

Assumed: nothing was run again. The first difference may have 64 times the size of a rounding, and
each later one 16 times what was seen before it: rounding grows from step to step, mistakes jump.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from shared.tools.compare.distances import differences, finite_norm, relative_l2
from shared.tools.compare.values import ORDER, Values

MARGIN = 16.0
_FIRST_JUMP = 64.0  # roundings: 4 times the sqrt(n) / 4 of a sum of n = 4,096 terms
_LATER_JUMP = 16.0
# How far rounding one hyperparameter can move the second moments of Adam. Below 1 float32 rounds by
# 2**-25 at most, 3e-5 of 0.001, which 1 - beta2 is; 0.999 itself makes 1.3e-5. Twice the most.
HYPERPARAMETER = 6e-5
# A gradient smaller than the largest by this factor is taken for what is left of sums that cancel.
# float32 leaves 1e-7 of the terms; biases before a batch normalization show 1e-6 and less.
_CANCELLED = 1e-5
INCONCLUSIVE_ABOVE = 0.1  # relative; a tolerance above it accepts nearly anything


class Tolerance(Protocol):
    """What rounding explains."""

    def allowed(self, stage: str, name: str, step: int) -> float:
        """Returns the relative L2 that rounding explains; `stage` may be "update"."""

    def accept(self, stage: str, name: str, step: int, distance: float) -> None:
        """Takes note of a difference that rounding explains."""

    def widen(self, extra: float) -> None:
        """Takes note that the states are apart by `extra` more, relative, for a known reason."""

    def cancelled_gradients(self) -> list[str]:
        """Returns the variables whose gradient is only rounding error."""

    def describe(self) -> str:
        """Returns the rule in a sentence."""


def update_distance(a: Values, b: Values, name: str, step: int) -> float | None:
    """Returns the relative L2 of a variable's updates; None where one was not kept."""
    in_a, in_b = a.update(name, step), b.update(name, step)
    if in_a is None or in_b is None or in_a.shape != in_b.shape:
        return None
    return relative_l2(in_a, in_b)


def distance(a: Values, b: Values, stage: str, name: str, step: int) -> float | None:
    """Returns the relative L2 of a tensor in two traces; None where one did not keep it."""
    if stage == "update":
        return update_distance(a, b, name, step)
    in_a, in_b = a.get(stage, name, step), b.get(stage, name, step)
    if in_a is None or in_b is None:
        return None
    return relative_l2(in_a, in_b) if in_a.shape == in_b.shape else float("inf")


def _storage_rounding(a: Values, name: str, step: int) -> float:
    """Returns by how much storing a variable rounds an update, relative to the update."""
    update, now = a.update(name, step), a.get("variable", name, step)
    if update is None or now is None or not finite_norm(update):
        return 0.0
    ratio = finite_norm(now) / finite_norm(update)
    return a.epsilon("variable", name) * ratio


class Measured:
    """The drift between one run and its reruns from moved initial values, times `MARGIN`."""

    def __init__(self, reference: Values, reruns: Sequence[Values]) -> None:
        """Measures; `reruns` must have at least one."""
        self._reference = reference
        self._runs = len(reruns)
        self._extra = 0.0
        self._drift: dict[tuple[str, str, int], float] = {}
        self._state: dict[int, float] = {}
        self.final = 0.0
        grown: dict[tuple[str, str], float] = {}
        for step in reference.steps:
            for stage in (*ORDER, "update"):
                self._measure(reruns, stage, step, grown)
            self._state[step] = self._state_drift(reruns, step)

    def _measure(
        self, reruns: Sequence[Values], stage: str, step: int, grown: dict[tuple[str, str], float]
    ) -> None:
        names = self._reference.names("variable" if stage == "update" else stage)
        found = {}
        for name in names:
            seen = [distance(self._reference, rerun, stage, name, step) for rerun in reruns]
            known = [value for value in seen if value is not None]
            if known:
                found[name] = max(known)
        finite = [value for value in found.values() if np.isfinite(value)]
        middle = float(np.median(finite)) if finite else 0.0
        for name, value in found.items():
            at_least = max(value, middle if stage != "variable" else 0.0)
            grown[stage, name] = max(at_least, grown.get((stage, name), 0.0))
            self._drift[stage, name, step] = grown[stage, name]

    def _state_drift(self, reruns: Sequence[Values], step: int) -> float:
        apart, length = 0.0, 0.0
        for name in self._reference.trained():
            value = self._reference.get("variable", name, step)
            others = [rerun.get("variable", name, step) for rerun in reruns]
            if value is not None and all(o is not None and o.shape == value.shape for o in others):
                apart += max(
                    float((differences(value, o) ** 2).sum()) for o in others if o is not None
                )
                length += finite_norm(value) ** 2
        return float(np.sqrt(apart / length)) if length else 0.0

    def drift(self, stage: str, name: str, step: int) -> float:
        """Returns how far the reruns moved a tensor, up to this step."""
        return self._drift.get((stage, name, step), 0.0)

    def allowed(self, stage: str, name: str, step: int) -> float:
        """Returns the relative L2 that rounding explains."""
        smallest = self._reference.epsilon("variable" if stage == "update" else stage, name)
        if stage == "update":
            smallest = max(smallest, _storage_rounding(self._reference, name, step))
        widened = 1.0
        state = self._state.get(step, 0.0)
        if self._extra and state:
            widened += self._extra / state
        return MARGIN * max(self.drift(stage, name, step) * widened, smallest)

    def accept(self, stage: str, name: str, step: int, distance: float) -> None:
        """Nothing to note: the tolerance is measured."""

    def widen(self, extra: float) -> None:
        """Adds to how far the states are apart for a known reason."""
        self._extra += extra

    def cancelled_gradients(self) -> list[str]:
        """Returns the variables whose gradient is only rounding error: the reruns change it."""
        first = self._reference.first_step()
        names = self._reference.names("gradient")
        return [n for n in names if self.drift("gradient", n, first) > INCONCLUSIVE_ABOVE]

    def describe(self) -> str:
        """Returns the rule in a sentence."""
        return (
            f"relative L2 of each tensor at most {MARGIN:g} times what {self._runs} rerun(s) from "
            "initial values moved in their last bit measured"
        )


class Assumed:
    """What rounding may do, judged by what it has done before in the same two traces."""

    def __init__(self, reference: Values) -> None:
        """Begins with nothing seen."""
        self._reference = reference
        self._seen = 0.0
        self._cancelled: set[str] | None = None

    def cancelled_gradients(self) -> list[str]:
        """Returns the variables whose gradient is small enough to be only rounding error."""
        if self._cancelled is None:
            first = self._reference.first_step()
            sizes = {}
            for name in self._reference.names("gradient"):
                value = self._reference.get("gradient", name, first)
                if value is not None and value.size:
                    sizes[name] = finite_norm(value) / float(np.sqrt(value.size))
            largest = max(sizes.values(), default=0.0)
            self._cancelled = {n for n, size in sizes.items() if 0 < size < _CANCELLED * largest}
        return sorted(self._cancelled)

    def allowed(self, stage: str, name: str, step: int) -> float:
        """Returns the relative L2 that rounding explains."""
        cancelled = self.cancelled_gradients()
        is_cancelled = any(name == n or name.startswith(n + "/") for n in cancelled)
        if is_cancelled and stage in ("gradient", "slot", "variable", "update"):
            return float("inf")
        epsilon = self._reference.epsilon("variable" if stage == "update" else stage, name)
        own = _FIRST_JUMP * epsilon
        if stage == "update":
            own = max(own, _LATER_JUMP * _storage_rounding(self._reference, name, step))
        return max(own, _LATER_JUMP * self._seen)

    def accept(self, stage: str, name: str, step: int, distance: float) -> None:
        """Takes note of a difference that rounding explains."""
        # An update is small, so its relative distance is larger.
        if stage != "update" and name not in self.cancelled_gradients():
            self._seen = max(self._seen, distance)

    def widen(self, extra: float) -> None:
        """Takes note that the states are now apart by `extra` more."""
        self._seen = max(self._seen, extra)

    def describe(self) -> str:
        """Returns the rule in a sentence."""
        return (
            f"assumed, as nothing was run again: relative L2 of each tensor at most "
            f"{_FIRST_JUMP:g} roundings, or {_LATER_JUMP:g} times what was seen before it"
        )
