"""Importing, building and the first step, each in processes of their own, interleaved."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest

from benchmarks.plan import STARTUP_TASKS, Case, startup_cases
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
        _measured[case.model] = measure(case, suite.plan.processes_per_runtime)
    times = _measured[case.model][case.runtime.name, case.task]
    suite.hand_over(benchmark, times, case)


def measure(case: Case, count: int) -> dict[tuple[str, str], list[float]]:
    """Returns the times of each runtime and task of the group; starts each runtime `count` times.

    The runtimes are started interleaved.
    """
    runtimes = [runtime for runtime in case.timed_with if why_not(runtime) is None]
    times: dict[tuple[str, str], list[float]] = {
        (runtime.name, task): [] for runtime in runtimes for task in STARTUP_TASKS
    }
    for _ in range(count):
        for runtime in runtimes:
            for task, seconds in start_once(runtime.name, case.model).items():
                if (runtime.name, task) in times:  # the other parts are not shown
                    times[runtime.name, task].append(seconds)
    return times


def start_once(runtime: str, model: str) -> dict[str, float]:
    """Starts one process and returns its times by task."""
    is_tf115 = runtime == "tf115"
    python = str(TF115_PYTHON) if is_tf115 else sys.executable
    environment = tf115_environment() if is_tf115 else dict(os.environ)
    style = "tf1_style" if runtime in ("tf115", REFERENCE) else "tf2_style"
    output = run_module(python, "benchmarks.startup", [style, model], environment, "its times")
    times: dict[str, float] = json.loads(output.splitlines()[-1])
    return times
