"""Why loss and gradients are fetched in the run of the update, and in none of their own."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from recorded_programs import PROGRAMS, recorded, run
from tf115_environment import require_tf115

# A float32 product and a difference, each rounded once, of numbers near 1: 2 * 2**-24.
_ROUNDING = 2e-7


def applied(before: np.ndarray, gradient: np.ndarray, after: np.ndarray) -> float:
    """Returns by how much `after` is off from one step of gradient descent, relative to it."""
    step = before - np.float32(0.5) * gradient
    return float(np.linalg.norm(after - step) / np.linalg.norm(before - after))


@pytest.mark.slow
@pytest.mark.tf115
@pytest.mark.parametrize("is_old", [True, False], ids=["1.15", "2"])
def test_a_run_of_its_own_sees_other_numbers_than_train(is_old: bool, tmp_path: Path) -> None:
    python = str(require_tf115()) if is_old else sys.executable
    seen = tmp_path / "two.npz"
    run(python, PROGRAMS / "stateful.py", "two", seen).check_returncode()
    two = np.load(seen)
    trace, _ = recorded(tmp_path, python, "stateful", "--every", "1")
    # By hand: every second batch, and gradients that no update was made of.
    assert two["batch"].tolist() == [1, 3, 5]
    off = [applied(*row) for row in zip(two["before"], two["gradient"], two["after"], strict=True)]
    assert min(off) > 0.05  # a million times a rounding
    # Recorded: every batch, and the gradients applied.
    digits = [trace.whole("batch", "IteratorGetNext", step)[0, 0] for step in (1, 2, 3)]
    assert digits == [1, 2, 3]
    before = trace.whole("initial", "variable/w", 0)
    for step in (1, 2, 3):
        after = trace.whole("variable", "w", step)
        assert applied(before, trace.whole("gradient", "w", step), after) < _ROUNDING * np.sqrt(
            3
        ) / np.linalg.norm(before - after)
        before = after
    # Moved once a step, from 0: by a tenth of batch 1, then by a tenth of batch 2 less a tenth.
    assert trace.whole("variable", "average", 1)[0] == np.float32(0.1)
    assert abs(trace.whole("variable", "average", 2)[0] - 0.29) < _ROUNDING
