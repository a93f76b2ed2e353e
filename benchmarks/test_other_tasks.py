"""Evaluation, prediction of one example, saving and restoring, in both styles."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.plan import Case, other_cases
from benchmarks.replay import CLOCK

CASES = other_cases


@pytest.mark.benchmark(timer=CLOCK)
def test_other(case: Case, suite: Any, benchmark: Any) -> None:
    suite.run(case, benchmark)
