"""How a case ended, and the counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.errors import CheckpointError
from torture.models import Restore, fingerprint, restore

EXACT, REFUSED, WRONG = "restored exactly", "refused clearly", "silently wrong"
STARTS_OVER = "training would start over"


@dataclasses.dataclass
class Tally:
    """The counts of one kind of fault."""

    kind: str
    counts: dict[str, int] = dataclasses.field(
        default_factory=lambda: dict.fromkeys((EXACT, REFUSED, WRONG), 0)
    )
    wrong: list[str] = dataclasses.field(default_factory=list)  # what happened, a line each
    note: str = ""  # why nothing was tried

    def add(self, case: str, outcome: str, detail: str = "") -> None:
        """Counts a case."""
        self.counts[outcome] += 1
        if outcome == WRONG:
            self.wrong.append(f"{self.kind}: {case}: {detail}")

    @property
    def tried(self) -> int:
        """How many cases there were."""
        return sum(self.counts.values())


def is_clear(error: Exception, folder: Path) -> bool:
    """Whether an error is one line that names the folder or a file in it."""
    return (
        isinstance(error, CheckpointError)
        and str(folder) in str(error)
        and ("\n" not in str(error))
    )


def judge(
    model: Any, folder: Path, saves: Sequence[str], restore: Restore = restore
) -> tuple[str, str]:
    """Restores a folder into `model`; returns the outcome and what happened.

    Args:
        model: a model of the style; whatever it holds must not survive.
        folder: the folder, in which something was saved.
        saves: fingerprints of the saves that may come back, the newest last. Only with a warning
            may it be another than the newest.
        restore: how.
    """
    warnings: list[str] = []
    try:
        path = restore(model, str(folder), warnings.append)
    except Exception as error:
        if is_clear(error, folder):
            return REFUSED, str(error)
        return WRONG, f"unclear error {type(error).__name__}: {error}"
    if path is None:
        return WRONG, STARTS_OVER
    found = fingerprint(model)
    if found not in saves:
        return WRONG, f"another state restored from {path}"
    if found != saves[-1] and not warnings:
        return WRONG, f"an older save restored without a warning, from {path}"
    return EXACT, f"{path} {warnings}"
