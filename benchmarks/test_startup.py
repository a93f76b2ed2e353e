"""Importing, building and the first step, each in processes of their own, in turn."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest

from benchmarks.plan import STARTUP_WORKS, Case, startup_cases
from benchmarks.processes import why_not
from benchmarks.replay import CLOCK
from benchmarks.runtimes import REFERENCE
from shared.tools.child_process import TF115_PYTHON, run_module, tf115_environment

CASES = startup_cases
_measured: dict[str, dict[tuple[str, str], list[float]]] = {}


@pytest.mark.benchmark(timer=CLOCK)
def test_startup(case: Case, suite: Any, benchmark: Any) -> None:
    suite.skip_unless_possible(case)
    if case.model not in _measured:
        _measured[case.model] = measure(case, suite.plan.startups)
    times = _measured[case.model][case.way.name, case.work]
    suite.hand_over(benchmark, times, case)


def measure(case: Case, count: int) -> dict[tuple[str, str], list[float]]:
    """Starts every way of the case's group `count` times, in turn."""
    ways = [way for way in case.group if why_not(way) is None]
    times: dict[tuple[str, str], list[float]] = {
        (way.name, work): [] for way in ways for work in STARTUP_WORKS
    }
    for _ in range(count):
        for way in ways:
            for work, seconds in start_once(way.name, case.model).items():
                if (way.name, work) in times:  # its parts are for who runs benchmarks.startup
                    times[way.name, work].append(seconds)
    return times


def start_once(way: str, model: str) -> dict[str, float]:
    """Starts one process and returns its times by work."""
    is_tf115 = way == "tf115"
    python = str(TF115_PYTHON) if is_tf115 else sys.executable
    environment = tf115_environment() if is_tf115 else dict(os.environ)
    style = "tf1_style" if way in ("tf115", REFERENCE) else "tf2_style"
    output = run_module(python, "benchmarks.startup", [style, model], environment, "its times")
    times: dict[str, float] = json.loads(output.splitlines()[-1])
    return times
