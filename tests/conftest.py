"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# Machines here are shared: how long one example takes says nothing. A hang ends by the test's own
# time limit.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")
