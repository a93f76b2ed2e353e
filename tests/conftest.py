"""What holds for every test."""

from __future__ import annotations

import gc
import signal
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import settings

from distribution import UnitScheduling, ordered, unit_of

# Machines here are shared: how long one example takes says nothing. A hang ends by the test's own
# time limit.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


# A run in the background, or under `nohup`, ignores these, and so would all that it starts: tests
# send them.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the tests of a unit of work together; for workers of pytest-xdist, the longest first."""
    units = {item: unit_of(item.nodeid) for item in items}
    is_worker = hasattr(config, "workerinput")
    found = list(ordered(units.values())) if is_worker else list(dict.fromkeys(units.values()))
    places = {unit: place for place, unit in enumerate(found)}
    items.sort(key=lambda item: places[units[item]])


def pytest_collection_finish() -> None:
    """Leaves out of garbage collection what is here for good: TensorFlow, Keras and the tests.

    Each graph that a test makes and drops has the collector look at all objects now and then, a
    second each time; at those of the tests alone it looks in a third of that. A graph is tens of
    thousands of objects, which stay together until the end: to look at them each 700 is in vain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> UnitScheduling:
    """Keeps each unit of work on one worker."""
    return UnitScheduling(config, log)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """With --durations, says how long each unit of work took: those of 20 seconds or more."""
    if config.option.durations is None:
        return
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[unit_of(report.nodeid)] += report.duration
    terminalreporter.section("units of work, see tests/helpers/distribution.py")
    for unit, duration in sorted(seconds.items(), key=lambda item: -item[1]):
        if duration >= 20:
            terminalreporter.write_line(f"{duration:7.0f} s {unit}")
