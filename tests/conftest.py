"""What holds for every test."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

from distribution import UnitScheduling, ordered, unit_of

# Machines here are shared: how long one example takes says nothing. A hang ends by the test's own
# time limit.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders the tests by their units of work, the longest first."""
    units = {item: unit_of(item.nodeid) for item in items}
    places = ordered(units.values())
    items.sort(key=lambda item: places[units[item]])


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> UnitScheduling:
    """Keeps each unit of work on one worker."""
    return UnitScheduling(config, log)
