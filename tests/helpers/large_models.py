"""The larger models: what trains one of them takes a second or more, and is a slow test.

The others stand for them in `make test`: no optimizer state, Adam, and images with labels. It still
trains each model in both styles, in tests of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from shared.models import PAIRS

LARGE = {
    "mlp": "a second to trace, 1.2 MB a checkpoint",
    "embeddings": "a second to trace",
    "cnn": "50 ms a step, 39 MB a checkpoint",
    "recurrent_network": "20 ms a step, a second to trace",
    "adversarial": "10 ms a step, three seconds to trace",
    "residual_network": "30 ms a step, three seconds to trace",
}
"""What is slow about each, on two cores."""


def large_are_slow(cases: Iterable[Any]) -> list[Any]:
    """Returns the cases of a parametrization; those that name a larger model are marked slow."""
    return [_marked(case, LARGE) for case in cases]


def smallest_is_quick(cases: Iterable[Any]) -> list[Any]:
    """Returns the cases of a parametrization; those of other models than the line are slow."""
    return [_marked(case, PAIRS.keys() - {"linear_regression"}) for case in cases]


def _marked(case: Any, slow: Collection[str]) -> Any:
    marks, name = (case.marks, case.id) if hasattr(case, "marks") else ((), None)
    values = tuple(case.values) if hasattr(case, "marks") else case
    values = values if isinstance(values, tuple) else (values,)
    if any(isinstance(value, str) and value in slow for value in values):
        return pytest.param(*values, marks=[*marks, pytest.mark.slow], id=name)
    return case
