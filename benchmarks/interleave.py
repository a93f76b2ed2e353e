"""Times several ways in turn: A B C, A B C, and so on, so that what disturbs one disturbs all."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping

from benchmarks.processes import Timed

# A thread pool that has just worked may spin for a while; the next way must not pay for it.
_PAUSE_SECONDS = 0.03
# A way so slow that one repetition takes this long is timed in fewer rounds.
_SLOW_SECONDS, _SLOW_ROUNDS = 2.0, 2


def interleave(
    ways: Mapping[str, Timed], rounds: int, seconds: float, pause: float = _PAUSE_SECONDS
) -> dict[str, list[float]]:
    """Returns the seconds a step (or call) of each way, by round.

    Each way is warmed up first, apart from the rounds; then every round times every way once.
    The lists of very slow ways are shorter: they stop after the first rounds.

    Args:
        ways: by name, in the order they are timed.
        rounds: how often each is timed.
        seconds: how long a way is timed in a round, at least one repetition.
        pause: seconds between two ways.
    """
    counts = {name: repetitions(way, seconds) for name, way in ways.items()}
    limits = {
        name: min(rounds, _SLOW_ROUNDS) if one > _SLOW_SECONDS else rounds
        for name, (_, one) in counts.items()
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()  # what lives already is never searched again
    for turn in range(rounds):
        gc.collect()
        for name, way in ways.items():
            if turn < limits[name]:
                time.sleep(pause)
                count = counts[name][0]
                times[name].append(way.seconds(count) / (count * way.unit))
    gc.unfreeze()
    return times


def repetitions(way: Timed, seconds: float) -> tuple[int, float]:
    """Warms a way up; returns how many repetitions take `seconds`, and how long one takes."""
    way.seconds(1)  # traces, compiles, allocates
    count, taken = 1, way.seconds(1)
    while taken < seconds / 4:  # a single short one says little
        count = min(count * 10, math.ceil(count * seconds / 2 / max(taken, 1e-9)))
        taken = way.seconds(count)
    return max(1, round(count * seconds / taken)), taken / count


def in_turn_each(ways: Mapping[str, Timed], rounds: int, calls: int) -> dict[str, list[float]]:
    """Returns the seconds of each single call of each way, of all rounds together."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way.seconds(max(1, calls // 10))  # warms up
    for _ in range(rounds):
        for name, way in ways.items():
            times[name] += way.seconds_each(calls)
    return times
