"""What is counted of SIGKILLs of a cluster's processes, whichever pair they train."""

from __future__ import annotations

import collections
import dataclasses

from clusters import Outcome
from shared.tools.workers.cluster import Task


@dataclasses.dataclass
class Kills:
    """The kills, by the kind of process, and what was wrong after them."""

    kills: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    slowest: float = 0.0  # seconds from a kill until all processes had ended
    wrong: list[str] = dataclasses.field(default_factory=list)

    def add(self, victim: Task, killed: Outcome) -> None:
        """Counts a kill."""
        self.kills[str(victim)] += 1
        self.slowest = max(self.slowest, killed.after_kill)

    def text(self) -> str:
        """Returns how many were killed, and what."""
        kinds = ", ".join(f"{number} of {kind}" for kind, number in sorted(self.kills.items()))
        return f"{self.kills.total()} kills ({kinds})"
