"""What the tests hold a pitfall's readings against, and what they say when one is off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.tools.pitfalls.pitfall import Pitfall, Reading, same

Expected = float | bool | str | list[float]
_AS_TF1: Any = object()


@dataclass(frozen=True)
class Pin:
    """What one quantity must be: in a Session, ported naively, under 1.15, written as advised."""

    tf1: Expected
    tf2: Expected
    relative: float = 0.0
    tf115: Expected = _AS_TF1
    instead: Expected = _AS_TF1

    def before(self, pitfall: Pitfall) -> Expected:
        return self.under_tf115 if pitfall.only_tf115 else self.tf1

    @property
    def under_tf115(self) -> Expected:
        return self.tf1 if self.tf115 is _AS_TF1 else self.tf115

    def advised(self, pitfall: Pitfall) -> Expected:
        return self.before(pitfall) if self.instead is _AS_TF1 else self.instead

    def close(self, left: Any, right: Any) -> bool:
        if isinstance(left, list) and isinstance(right, list):
            return len(left) == len(right) and all(map(self.close, left, right))
        if not isinstance(left, float) or not isinstance(right, float) or math.isnan(left):
            return same(left, right)
        return math.isclose(left, right, rel_tol=self.relative)


def complaints(pitfall: Pitfall, readings: Sequence[Reading], pins: Mapping[str, Pin]) -> list[str]:
    """One line for each side of each reading that is not what its pin says."""
    lines = []
    for reading in readings:
        pin, label = pins[reading.quantity], f"{pitfall.name}, {reading.quantity}"
        before = pin.before(pitfall)
        if not pin.close(reading.tf1, pin.tf1):
            lines.append(f"{label}: TF1 style gives {reading.tf1}, not {pin.tf1}")
        if not pin.close(before, pin.tf2) and pin.close(reading.naive, before):
            lines.append(
                f"pitfall {pitfall.name} is gone: {reading.quantity} is {reading.naive} both ways"
            )
        elif not pin.close(reading.naive, pin.tf2):
            lines.append(f"{label}: TF2 style gives {reading.naive}, not {pin.tf2}")
    return lines
