"""A training step, at growing batch sizes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.plan import Case, batch_cases
from benchmarks.replay import CLOCK

CASES = batch_cases


@pytest.mark.benchmark(timer=CLOCK)
def test_batch(case: Case, suite: Any, benchmark: Any) -> None:
    suite.run(case, benchmark)
