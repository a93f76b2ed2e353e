"""All cases of one style, in the order that forks and TensorFlow's threads ask for."""

from __future__ import annotations

import dataclasses
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torture import folders, kills
from torture.damage import damaged
from torture.outcomes import Tally
from torture.power import lost_power


@dataclasses.dataclass(frozen=True)
class Size:
    """How many cases of each kind."""

    kills: int
    flips: int  # of each kind of folder
    limits: Sequence[int]
    pages: Sequence[int]


WHOLE = Size(100, 200, folders.FILE_LIMITS, folders.FREE_PAGES)
SMALL = Size(2, 0, (100,), (1,))


def run(style: str, size: Size, seed: int) -> list[Tally]:
    """Runs the suite for one style, in a process in which TensorFlow has done nothing yet."""
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        work.chmod(0o755)  # another user reads in it
        writers = folders.two_writers(work, style)
        killed = kills.kill(style, work, size.kills, seed)
        limited = folders.limited(style, work, size.limits)
        full = folders.full(style, work, size.pages)
        read_only = folders.read_only(style, work)
        # From here on in this process, with TensorFlow.
        tallies = [
            kills.look_at_killed(style, killed),
            folders.look_at(style, "file-size limit", limited),
            folders.look_at(style, "full disk", full, "not tried: mounting needs root"),
            folders.look_at(style, "read-only folder", read_only),
            writers,
        ]
        if size.flips:
            tallies.append(lost_power(style, work, saves=5, more=4, seed=seed, each=True))
            tallies += damaged(style, work, size.flips, random.Random(seed).randrange(2**32))
        return tallies
