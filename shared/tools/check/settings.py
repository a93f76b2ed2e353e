"""Compares the settings of two programs' optimizers, which the recorder notes.

Numbers cannot always tell: epsilon 1e-7 in place of 1e-8 changes an update by less than storing the
variable rounds, as long as gradients are large. It shows when they have become small.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.values import Readable, Values

# One name for what TensorFlow 1 and Keras call otherwise.
_NAMES = {
    "lr": "learning_rate",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "decay": "rho",
    "use_nesterov": "nesterov",
}
_COMPARED = (
    "learning_rate",
    "beta1",
    "beta2",
    "epsilon",
    "momentum",
    "rho",
    "initial_accumulator_value",
    "nesterov",
    "centered",
)
_FLOAT32 = 1e-6  # Keras holds a rate as float32, ten of whose roundings these are


# The names of Adam's moments in TensorFlow 1 and in its kernels.
_MOMENTS = (("Adam", "Adam_1"), ("m", "v"))


@dataclass(frozen=True)
class Setting:
    """A setting that both optimizers name, with different values; `effect` says how it matters."""

    name: str
    old: float
    new: float
    classes: tuple[str, str]
    effect: str = ""

    def __str__(self) -> str:
        """Returns a sentence."""
        return (
            f"the optimizers' settings differ: {self.name} is {self.old:g} in the old program's "
            f"{self.classes[0]} and {self.new:g} in the new one's {self.classes[1]}"
            + (f"; {self.effect}" if self.effect else "")
        )


def differing(old: Readable, new: Readable) -> list[Setting]:
    """Returns the settings that both optimizers name with different values.

    Optimizers are paired in the order in which they were first used; with another number of them
    on each side nothing is said.
    """
    sides = [_optimizers(trace) for trace in (old, new)]
    if len(sides[0]) != len(sides[1]):
        return []
    found = []
    for a, b in zip(*sides, strict=True):
        for name in _COMPARED:
            if _are_numbers(a.get(name), b.get(name)) and not _same(a[name], b[name]):
                is_adam = name == "epsilon" and "Adam" in a["class"] and len(sides[0]) == 1
                effect = _of_epsilon(Values(old), a[name], b[name]) if is_adam else ""
                values = float(a[name]), float(b[name])
                found.append(Setting(name, *values, (a["class"], b["class"]), effect))
    return found


def _of_epsilon(a: Values, old: float, new: float) -> str:
    """Says what another epsilon does to the last recorded updates m / (sqrt(v) + epsilon)."""
    step = int(a.trace.steps[-1])
    updates: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for name, (of_m, of_v) in itertools.product(a.trained(), _MOMENTS):
        m, v = a.get("slot", f"{name}/{of_m}", step), a.get("slot", f"{name}/{of_v}", step)
        if m is not None and v is not None:
            for update, epsilon in zip(updates, (old, new), strict=True):
                update.append((m / (np.sqrt(v) + epsilon)).ravel())
    if not updates[0]:
        return ""
    share = relative_l2(np.concatenate(updates[0]), np.concatenate(updates[1]))
    return (
        f"that alone changes the updates of step {step} by {share:.1e} of themselves, and more as "
        f"gradients become small: near {max(old, new):g} by half"
    )


def _optimizers(trace: Readable) -> list[dict[str, Any]]:
    recorder = trace.meta.get("flags", {}).get("recorder", {})
    listed = recorder.get("optimizers", []) if isinstance(recorder, dict) else []
    named = [o for o in listed if isinstance(o, dict) and isinstance(o.get("class"), str)]
    return [{_NAMES.get(str(k), str(k)): v for k, v in one.items()} for one in named]


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= _FLOAT32 * max(abs(a), abs(b))
