"""What a pitfall is, and how one is measured."""

from __future__ import annotations

import inspect
import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Value = float | bool | str  # bool and int are what they are; text is an outcome, or an error
    Measured = dict[str, Value]  # by quantity: a few words that say what was measured

# In an `instead`, this line parts the code to write from the code that measures it.
MEASURING = "    # measured\n"


@dataclass(frozen=True)
class Reading:
    """One quantity, measured in each way; None where a way does not measure it.

    Attributes:
        quantity: what was measured, with its inputs.
        tf115: TF1 style under real TensorFlow 1.15; None when that was not run.
        tf1: TF1 style in a `compat.v1` Session of the installed TensorFlow.
        tf2: TF2 style, ported naively.
        instead: TF2 style, ported as the pitfall's `instead` says.
    """

    quantity: str
    tf115: Value | None
    tf1: Value
    tf2: Value
    instead: Value | None


@dataclass(frozen=True)
class Pitfall:
    """Something that a naive port from TF1 to TF2 changes.

    Attributes:
        name: what `pairs pitfalls` calls it.
        title: the difference in one line.
        what: what happens to somebody who does not know.
        why: the reason, down to the line of code where it is known.
        sources: documentation pages, threads, and files of the installed packages.
        tf1: measures in TF1 style; runs under TensorFlow 1.15 and under `compat.v1`.
        tf2: measures the same quantities in TF2 style, ported naively.
        instead: measures some of them, ported well; its body is what to write.
        only_tf115: the installed `compat.v1` already behaves like TF2, so that only TensorFlow
            1.15 shows what was before.
    """

    name: str
    title: str
    what: str
    why: str
    sources: tuple[str, ...]
    tf1: Callable[[], Measured]
    tf2: Callable[[], Measured]
    instead: Callable[[], Measured]
    only_tf115: bool = False

    def measure(self, tf115: Mapping[str, Value] | None = None) -> list[Reading]:
        """Runs each way on the installed TensorFlow.

        Args:
            tf115: what `shared.tools.pitfalls.tf115.measure` found for this pitfall, if it was run.

        Returns:
            A reading per quantity, in the order of `tf1`.
        """
        from shared.tensorflow_loading import load_tensorflow

        load_tensorflow()
        tf1, tf2, instead = self.tf1(), self.tf2(), self.instead()
        return [
            Reading(
                quantity,
                tf115[quantity] if tf115 is not None else None,
                value,
                tf2[quantity],
                instead.get(quantity),
            )
            for quantity, value in tf1.items()
        ]

    def before(self, reading: Reading) -> Value | None:
        """The side of a reading that TF2 style is held against; None when it was not measured."""
        return reading.tf115 if self.only_tf115 else reading.tf1

    def is_gone(self, readings: Sequence[Reading]) -> bool:
        """Whether the readings show no difference at all, although both sides were measured."""
        pairs = [(self.before(reading), reading.tf2) for reading in readings]
        return all(before is not None and same(before, after) for before, after in pairs)

    @property
    def snippet(self) -> str:
        """What to write instead: the body of `instead`, up to where it measures."""
        body = inspect.getsource(self.instead).partition(":\n")[2]
        return textwrap.dedent(body.partition(MEASURING)[0]).strip()


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, NaN being equal to NaN."""
    both_nan = all(isinstance(value, float) and math.isnan(value) for value in (left, right))
    return both_nan or left == right
