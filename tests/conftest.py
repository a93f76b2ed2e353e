"""What holds for every test."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

# Machines here are shared: how long one example takes says nothing. A hang ends by the test's own
# time limit.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# Each test of every pair builds this one's graph anew, which takes seconds: of some 60, these are
# in the quick run, beside those that build nothing.
SLOW_TO_BUILD = "residual_network"
QUICK_FILES = {"test_pair_rules", "test_guide_hunks", "test_residual_network"}
QUICK_TESTS = {"test_the_map_of_a_pair_has_every_tensor"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Marks the other tests of that pair as slow, before pytest leaves the slow ones out."""
    for item in items:
        values = getattr(item, "callspec", None) and item.callspec.params.values()
        names = [value for value in values or () if isinstance(value, str)]
        is_quick = item.path.stem in QUICK_FILES or item.originalname in QUICK_TESTS
        if SLOW_TO_BUILD in names and not is_quick:
            item.add_marker("slow")
