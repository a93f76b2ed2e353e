"""Compares the settings of two programs' optimizers, which the recorder notes.

Numbers cannot always tell: epsilon 1e-7 in place of 1e-8 changes an update by less than storing the
variable rounds, as long as gradients are large. It shows when they have become small.
"""

from __future__ import annotations

from typing import Any

from shared.tools.compare.values import Readable

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


def differing(old: Readable, new: Readable) -> list[str]:
    """Returns a sentence for each setting that both optimizers name with different values.

    Optimizers are paired in the order in which they were first used; with another number of them
    on each side nothing is said.
    """
    sides = [_optimizers(trace) for trace in (old, new)]
    if len(sides[0]) != len(sides[1]):
        return []
    told = []
    for a, b in zip(*sides, strict=True):
        for name in _COMPARED:
            if _are_numbers(a.get(name), b.get(name)) and not _same(a[name], b[name]):
                told.append(
                    f"the optimizers' settings differ: {name} is {a[name]:g} in the old program's "
                    f"{a['class']} and {b[name]:g} in the new one's {b['class']}"
                )
    return told


def _optimizers(trace: Readable) -> list[dict[str, Any]]:
    recorder = trace.meta.get("flags", {}).get("recorder", {})
    listed = recorder.get("optimizers", []) if isinstance(recorder, dict) else []
    named = [o for o in listed if isinstance(o, dict) and isinstance(o.get("class"), str)]
    return [{_NAMES.get(str(k), str(k)): v for k, v in one.items()} for one in named]


def _are_numbers(*values: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in values)


def _same(a: float, b: float) -> bool:
    return abs(a - b) <= _FLOAT32 * max(abs(a), abs(b))
