"""A training step, in every runtime."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.plan import Case, training_cases
from benchmarks.replay import CLOCK

CASES = training_cases


@pytest.mark.benchmark(timer=CLOCK)
def test_training(case: Case, suite: Any, benchmark: Any) -> None:
    suite.run(case, benchmark)
