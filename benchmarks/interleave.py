"""Times several runtimes interleaved, A B C, A B C, so that what disturbs one disturbs all."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Mapping

from benchmarks.processes import Timed

# A thread pool that has just worked may spin for a while; the next runtime must not pay for it.
_PAUSE_SECONDS = 0.03
# A runtime whose repetition takes longer than this is timed in fewer rounds.
_SLOW_SECONDS, _SLOW_ROUNDS = 2.0, 2


def interleave(
    runtimes: Mapping[str, Timed], rounds: int, seconds: float, pause: float = _PAUSE_SECONDS
) -> dict[str, list[float]]:
    """Returns the seconds per step (or call) of each runtime, by round.

    Each runtime is warmed up before the first round; then every round times every runtime once.
    The lists of very slow runtimes are shorter: they stop after the first rounds.

    Args:
        runtimes: what is timed, by name, in the order of a round.
        rounds: how often each is timed.
        seconds: how long a runtime is timed in a round, at least one repetition.
        pause: seconds between two runtimes.
    """
    counts = {name: repetitions(runtime, seconds) for name, runtime in runtimes.items()}
    limits = {
        name: min(rounds, _SLOW_ROUNDS) if one > _SLOW_SECONDS else rounds
        for name, (_, one) in counts.items()
    }
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    gc.collect()
    gc.freeze()  # what lives already is never searched again
    for number in range(rounds):
        gc.collect()
        for name, runtime in runtimes.items():
            if number < limits[name]:
                time.sleep(pause)
                count = counts[name][0]
                times[name].append(runtime.seconds(count) / (count * runtime.steps_per_repetition))
    gc.unfreeze()
    return times


def repetitions(runtime: Timed, seconds: float) -> tuple[int, float]:
    """Warms a runtime up; returns how many repetitions take `seconds`, and how long one takes."""
    runtime.seconds(1)  # traces, compiles, allocates
    count, taken = 1, runtime.seconds(1)
    while taken < seconds / 4:  # a single short one says little
        count = min(count * 10, math.ceil(count * seconds / 2 / max(taken, 1e-9)))
        taken = runtime.seconds(count)
    return max(1, round(count * seconds / taken)), taken / count


def interleave_calls(
    runtimes: Mapping[str, Timed], rounds: int, calls: int
) -> dict[str, list[float]]:
    """Returns the seconds of each single call of each runtime, all rounds in one list."""
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    for runtime in runtimes.values():
        runtime.seconds(max(1, calls // 10))  # warms up
    for _ in range(rounds):
        for name, runtime in runtimes.items():
            times[name] += runtime.seconds_each(calls)
    return times
