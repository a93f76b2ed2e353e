"""Estimates how long a port takes, by a rule that anybody can check with a pencil.

The first use of a symbol or behaviour in a project is where somebody reads what it needs and
decides; each further use repeats that. The minutes are a rule of thumb, not a measurement.
"""

from __future__ import annotations

# By kind: minutes for the first use of a symbol or behaviour in the project, and for each other.
MINUTES = {
    "unchanged": (0, 0),
    "renamed": (1, 0.2),
    "numbers change": (20, 3),
    "behaviour changes": (15, 2),
    "with legacy Keras": (15, 3),
    "internal": (15, 3),
    "gone": (30, 5),
    "unresolved": (3, 1),
}
RULE = (
    "minutes for the first use of a symbol in the project, and for each further use: "
    + ", ".join(f"{kind} {first:g} and {other:g}" for kind, (first, other) in MINUTES.items())
    + "; an import statement 0"
)


class Effort:
    """Counts minutes over the uses of a project, in their order."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def minutes(self, key: str, kind: str) -> float:
        """Returns the minutes of one use; `key` is its symbol or behaviour."""
        first, other = MINUTES[kind]
        if key in self._seen:
            return other
        self._seen.add(key)
        return first


def as_time(minutes: float) -> str:
    """Returns a duration as people say it: "45 min", "3 h", "4 working days" of eight hours."""
    if minutes < 90:
        return f"{round(minutes)} min"
    hours = minutes / 60
    return f"{hours:.0f} h" if hours < 24 else f"{hours / 8:.0f} working days"
