"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

from distribution import ordered, unit_of

# Machines here are shared: how long one example takes says nothing. A hang ends by the test's own
# time limit.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups the tests into units of work, the longest first."""
    units = {item: unit_of(item) for item in items}
    places = ordered(units.values())
    items.sort(key=lambda item: places[units[item]])
    for item, unit in units.items():
        item.add_marker(pytest.mark.xdist_group(unit))
