"""Whose moments the averages of batch normalization hold, where several devices train."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from clusters import ROOT, run_module
from shared.tools.child_process import run_module as run_python
from shared.tools.child_process import tf115_environment
from tf115_environment import require_tf115

# Two images a device: 0 and 2 (mean 1, variance 1), 4 and 10 (mean 7, variance 9); of all four the
# mean is 4 and the variance 14 = (1 + 9) / 2 + 9, the last of which is the variance of the means.
OF_ALL, OF_OWN = [-4 / 14**0.5, -2 / 14**0.5, 0.0, 6 / 14**0.5], [-1.0, 1.0, -1.0, 1.0]


def half_way(*moments: float, start: float) -> float:
    """Returns an average that moves half of the way to each of the moments."""
    for moment in moments:
        start = (start + moment) / 2
    return start


TOWERS = {
    "first tower": (half_way(1, start=0), half_way(1, start=1)),
    "both towers": (half_way(1, 7, start=0), half_way(1, 9, start=1)),
    "both towers, the second first": (half_way(7, 1, start=0), half_way(9, 1, start=1)),
}
REPLICAS = {
    "one device": (half_way(4, start=0), half_way(14, start=1)),
    "replicas": (half_way(1, start=0), half_way(1, start=1)),  # those of the first
    "synchronized": (half_way(4, start=0), half_way(14, start=1)),
    "replicas of Keras 2": (half_way(4, start=0), half_way(5, start=1)),  # means over both
}


def require(found: dict[str, Any], expected: dict[str, tuple[float, float]]) -> None:
    assert list(found) == list(expected)
    for name, (mean, variance) in expected.items():
        # Some ten roundings of 6e-8, and a reciprocal square root.
        assert found[name]["mean"] == pytest.approx(mean, rel=1e-6), name
        assert found[name]["variance"] == pytest.approx(variance, rel=1e-6), name
        normalized = OF_ALL if name in ("one device", "synchronized") else OF_OWN
        assert found[name]["normalized"] == pytest.approx(normalized, rel=1e-6, abs=1e-6), name


def test_replicas_keep_averages_of_their_own_and_the_first_counts() -> None:
    found = json.loads(run_module("replica_statistics", "tf2_style"))
    require(found, REPLICAS)
    own = [half_way(1, start=0), half_way(7, start=0)]
    # When this fails, Keras 3 averages over the replicas, and docs/guide/workers.md must say so.
    assert found["replicas"]["means"] == own
    assert found["replicas of Keras 2"]["means"] == own
    assert found["synchronized"]["means"] == [2.0, 2.0]


@pytest.fixture(scope="module")
def towers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_module("replica_statistics", "tf1_style"))
    return found


def test_towers_keep_what_the_update_ops_were_of(towers: dict[str, Any]) -> None:
    require(towers, TOWERS)


def test_the_check_tells_the_towers_apart(towers: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="first tower"):
        require({**towers, "first tower": towers["both towers"]}, TOWERS)


@pytest.mark.tf115
def test_towers_of_real_tensorflow_1_keep_the_same() -> None:
    python, path = require_tf115(), f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}"
    environment = {**tf115_environment(), "PYTHONPATH": path}
    printed = run_python(str(python), "replica_statistics", ["tf1_style"], environment, "numbers")
    require(json.loads(printed), TOWERS)
