"""Fields of a style file's `Config` that become command-line flags."""

from __future__ import annotations

import argparse
import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any


def setting(
    default: Any,
    help: str,
    valid: Callable[[str], Any] = str,
    choices: Sequence[str] | None = None,
    to_restore: bool = False,
) -> Any:
    """A dataclass field with what its command-line flag needs.

    Args:
        default: value without the flag.
        help: what the setting means, with its unit.
        valid: turns the flag's text into the value, or raises `argparse.ArgumentTypeError`.
        choices: the values allowed, if they can be listed.
        to_restore: whether `evaluate` and `predict` need the setting too.
    """
    metadata = {"help": help, "valid": valid, "choices": choices, "to_restore": to_restore}
    return dataclasses.field(default=default, metadata=metadata)


def count(text: str) -> int:
    """Reads a whole number of at least 1."""
    return _whole_number(text, 1, "a whole number of at least 1")


def whole(text: str) -> int:
    """Reads a whole number of at least 0."""
    return _whole_number(text, 0, "a whole number of at least 0")


def seed(text: str) -> int:
    """Reads a seed of `numpy.random.RandomState`."""
    return _whole_number(text, 0, "a whole number from 0 to 4294967295", 2**32 - 1)


def number(text: str) -> float:
    """Reads a finite number."""
    return _finite(text, "a finite number", lambda value: True)


def positive(text: str) -> float:
    """Reads a finite number above 0."""
    return _finite(text, "a finite number above 0", lambda value: value > 0)


def probability(text: str) -> float:
    """Reads a number above 0 and at most 1."""
    return _finite(text, "a number above 0 and at most 1", lambda value: 0 < value <= 1)


def _whole_number(text: str, lowest: int, expected: str, highest: float = math.inf) -> int:
    try:
        value = int(text)
    except ValueError:
        value = lowest - 1
    if not lowest <= value <= highest:
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return value


def _finite(text: str, expected: str, allowed: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and allowed(value)):
        raise argparse.ArgumentTypeError(f"expected {expected}, found {text!r}")
    return value
