"""A run that grows from 100 to 100,000 steps: time per step, and growth of the process."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.clock import Running, seconds_of
from benchmarks.memory import resident_bytes
from benchmarks.models_and_batches import make_workload
from benchmarks.plan import LengthCase, length_cases
from benchmarks.replay import CLOCK

CASES = length_cases
_running: dict[str, Running] = {}


@pytest.mark.benchmark(timer=CLOCK)
def test_length(case: LengthCase, suite: Any, benchmark: Any) -> None:
    if case.runtime.name not in _running:
        _running[case.runtime.name] = case.runtime.open(make_workload(case.model))
        _running[case.runtime.name].run(1)
    running = _running[case.runtime.name]
    before = resident_bytes()
    count = max(1, case.steps // running.steps_per_repetition)
    seconds = seconds_of(running, count) / (count * running.steps_per_repetition)
    grown = resident_bytes() - before
    suite.hand_over(benchmark, [seconds], case, steps=case.steps, rss_growth=grown)
