"""What a pitfall is, and the catalogue of all of them."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.tools import toml
from shared.tools.pitfalls.run_files import FOLDER

Value = float | bool | str | list[float]  # a text says what happened, such as an error
CATALOGUE = Path(FOLDER)
SIDES = ("tf1", "naive", "fixed")


@dataclass(frozen=True)
class Reading:
    """One quantity, as measured by each side; None where a side does not measure it.

    Attributes:
        quantity: what was measured, with its inputs.
        tf115: TF1 style under real TensorFlow 1.15; None when that was not run.
        tf1: TF1 style in a `compat.v1` Session of the installed TensorFlow.
        naive: TF2 style, ported naively.
        fixed: TF2 style, ported well.
    """

    quantity: str
    tf115: Value | None
    tf1: Value
    naive: Value
    fixed: Value | None


@dataclass(frozen=True)
class Pitfall:
    """Something that a naive port from TF1 to TF2 changes: a folder of the catalogue.

    Its files tf1.py, naive.py and fixed.py each leave a dictionary `results`, by quantity. The
    first runs under TensorFlow 1.15 and under `compat.v1`; the last may leave quantities out.

    Attributes:
        name: what `pairs pitfalls` calls it, and the name of its folder.
        subject: the heading that it stands under.
        title: the difference in one line.
        what: what happens to a port whose author does not know the difference.
        why: the reason, with the line of code where it is known.
        sources: documentation pages, threads, and files of the installed packages.
        changes_numbers: whether one who writes the port in the obvious way gets other numbers from
            the named function itself; else it changes what runs, or when.
        only_tf115: whether only TensorFlow 1.15 shows TF1's behaviour, because the installed
            `compat.v1` behaves like TF2 or no longer has the function.
        legacy_keras: the sides that need Keras 2 (the package tf_keras and TF_USE_LEGACY_KERAS=1).
            They run in another process, because the switch is for a whole process.
    """

    name: str
    subject: str
    title: str
    what: str
    why: str
    sources: tuple[str, ...]
    changes_numbers: bool = False
    only_tf115: bool = False
    legacy_keras: tuple[str, ...] = ()

    def code(self, side: str) -> str:
        """Returns the text of one of its files: "tf1", "naive" or "fixed"."""
        return (CATALOGUE / self.name / f"{side}.py").read_text(encoding="utf-8")

    def before(self, reading: Reading) -> Value | None:
        """Returns what TF2 style is compared with; None where it was not measured."""
        return reading.tf115 if self.only_tf115 else reading.tf1

    def has_vanished(self, readings: Sequence[Reading]) -> bool:
        """Whether the readings show no difference at all, although both sides were measured."""
        pairs = [(self.before(reading), reading.naive) for reading in readings]
        return all(before is not None and same(before, after) for before, after in pairs)


@functools.cache
def pitfalls() -> dict[str, Pitfall]:
    """Returns every pitfall by name, in the order of catalogue/order.toml.

    Raises:
        OSError: the folder of a pitfall has no text.toml.
        TypeError: a text lacks a key, or has an unknown one.
    """
    order = toml.loads((CATALOGUE / "order.toml").read_text(encoding="utf-8"))
    return {name: _read(name, subject) for subject, names in order.items() for name in names}


def _read(name: str, subject: str) -> Pitfall:
    text = toml.loads((CATALOGUE / name / "text.toml").read_text(encoding="utf-8"))
    fields = {key: _field(value) for key, value in text.items()}
    return Pitfall(name, subject, **fields)


def _field(value: Any) -> Any:
    """Returns a value of text.toml: a text as one line, a list as a tuple, a bool as it is."""
    if isinstance(value, str):
        return " ".join(value.split())
    return tuple(value) if isinstance(value, list) else value


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, NaN being equal to NaN."""
    both_nan = all(isinstance(value, float) and math.isnan(value) for value in (left, right))
    return both_nan or left == right
