"""The settings of a program: fields of a `Config` that become command-line flags."""

from __future__ import annotations

import argparse
import dataclasses
import math
from typing import Any, Callable, Sequence

DATA_HELP = (
    "images: 'sample' (in the repository), 'mnist' or 'fashion' (all 70,000, downloaded once by "
    "Keras), a folder with the four IDX files, or an .npz with x_train, y_train, x_test and y_test"
)
CHECKPOINT_HELP = "folder of the checkpoints; training goes on from the newest one in it"
LOG_DIR_HELP = "write loss, accuracy, learning rate, weights and graph there for TensorBoard"
TRACE_HELP = (
    "write losses, gradients, slots and variables of every step to this .npz (slower); "
    "a resumed run writes the steps that it makes itself"
)
EVERY_HELP = "keep whole tensors at every K-th step of the trace (0: first and last only)"
STEPS_HELP = "keep whole tensors at these steps of the trace too, such as 3,10,200"


def setting(
    default: Any,
    help: str | None = None,
    valid: Callable[[str], Any] | None = None,
    choices: Sequence[str] | None = None,
    to_restore: bool = False,
    is_probability: bool = False,
) -> Any:
    """Returns a dataclass field with what its command-line flag needs.

    Args:
        default: value without the flag.
        help: what the setting means, with its unit; None for the meaning that the base class of
            the `Config` gives it, where only the default is another.
        valid: turns the flag's text into the value, or raises `argparse.ArgumentTypeError`. By
            default whole numbers are at least 1, others are above 0, and any text is taken.
        choices: the values allowed, if they can be listed.
        to_restore: whether `evaluate` and `predict` need the setting too.
        is_probability: whether the value is above 0 and at most 1.
    """
    by_type = {int: count, float: probability if is_probability else positive}
    valid = valid or by_type.get(type(default), str)
    metadata = {"help": help, "valid": valid, "choices": choices, "to_restore": to_restore}
    return dataclasses.field(default=default, metadata=metadata)


def metadata_of(config_class: Any, field: Any) -> Any:
    """Returns the metadata of a field: its own, or that of the base class that explains it."""
    for base in config_class.__mro__:
        inherited = getattr(base, "__dataclass_fields__", {}).get(field.name)
        if inherited is not None and inherited.metadata["help"] is not None:
            return inherited.metadata
    return field.metadata


def count(text: str) -> int:
    """Reads a whole number of at least 1."""
    return whole_number(text, 1, "a whole number of at least 1")


def whole(text: str) -> int:
    """Reads a whole number of at least 0."""
    return whole_number(text, 0, "a whole number of at least 0")


def seed_number(text: str) -> int:
    """Reads a seed of `numpy.random.RandomState`."""
    return whole_number(text, 0, "a whole number from 0 to 4294967295", 2**32 - 1)


def number(text: str) -> float:
    """Reads a finite number."""
    return _finite(text, "a finite number", lambda value: True)


def positive(text: str) -> float:
    """Reads a finite number above 0."""
    return _finite(text, "a finite number above 0", lambda value: value > 0)


def probability(text: str) -> float:
    """Reads a number above 0 and at most 1."""
    return _finite(text, "a number above 0 and at most 1", lambda value: 0 < value <= 1)


def whole_number(text: str, lowest: int, expected: str, highest: float = math.inf) -> int:
    """Reads a whole number from `lowest` to `highest`; `expected` is what a refusal says of them.

    Raises:
        argparse.ArgumentTypeError: the text is no such number.
    """
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


@dataclasses.dataclass(frozen=True)
class Settings:
    """The settings of every program."""

    seed: int = setting(0, "seed of initial values, batch order and dropout", seed_number)
    checkpoint_dir: str = setting("", CHECKPOINT_HELP, to_restore=True)
    checkpoint_every: int = setting(500, "steps between two checkpoints")
    report_every: int = setting(100, "steps between two progress reports")
    log_dir: str = setting("", LOG_DIR_HELP)
    trace: str = setting("", TRACE_HELP)
    trace_every: int = setting(0, EVERY_HELP, whole)
    trace_steps: str = setting("", STEPS_HELP)


@dataclasses.dataclass(frozen=True)
class ImageSettings(Settings):
    """The settings of a program that learns images."""

    data: str = setting("sample", DATA_HELP, to_restore=True)


@dataclasses.dataclass(frozen=True)
class LineSettings(Settings):
    """The settings of a program that fits a line: its seed draws the points too."""

    seed: int = setting(
        0, "seed of the points and of the batch order", seed_number, to_restore=True
    )
    report_every: int = setting(1000)
    initial_weight: float = setting(0.5, "weight before the first step", number)
    initial_bias: float = setting(0.0, "bias before the first step", number)


@dataclasses.dataclass(frozen=True)
class RatingSettings(Settings):
    """The settings of a program that learns ratings: its seed draws the ratings too."""

    seed: int = setting(
        0, "seed of the ratings, initial values and batch order", seed_number, to_restore=True
    )
