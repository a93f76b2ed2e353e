"""Plays times that were measured before to pytest-benchmark, which cannot interleave runtimes.

pytest-benchmark times one benchmark after the other, also with `pedantic`: what disturbs the
machine for a minute would then fall on one runtime alone. `interleave.py` times A B C, A B C, and
this clock shows pytest-benchmark those times, for its statistics, files and comparisons.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Sequence


class ReplayedClock:
    """A clock that shows the times of recorded rounds; with none left, the real time."""

    def __init__(self) -> None:
        """Starts with nothing recorded."""
        self._times: collections.deque[float] = collections.deque()

    def replay(self, seconds: Sequence[float]) -> None:
        """Shows, at the next calls, the start and the end of rounds that took `seconds` each."""
        for duration in seconds:
            self._times += [0.0, duration]

    def __call__(self) -> float:
        """Returns seconds, as `time.perf_counter` does."""
        return self._times.popleft() if self._times else time.perf_counter()


CLOCK = ReplayedClock()
