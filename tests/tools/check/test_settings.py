"""The settings of two optimizers are compared where numbers cannot tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.tools.check.outcome import check
from shared.trace_recorder import Trace, TraceRecorder, read_trace

F = np.float32
OLD = {"class": "AdamOptimizer", "lr": 0.002, "beta1": 0.9, "epsilon": 1e-8}
NEW = {"class": "Adam", "learning_rate": float(F(0.002)), "beta_1": 0.9, "epsilon": 1e-8}


def trace(path: Path, optimizers: list[dict[str, Any]], **told: Any) -> Trace:
    """Returns a trace of one step that says of its recorder what is given."""
    value = {"w": np.ones(3, F)}
    recorder = dict(told, optimizers=optimizers)
    with TraceRecorder(path, every=1, flags={"recorder": recorder}) as written:
        written.record_initial(value)
        written.record(1, F(told.get("loss", 1)), gradients=value, variables=value)
    return read_trace(path)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ([NEW], []),
        ([dict(NEW, epsilon=1e-7)], ["epsilon is 1e-08 in the old program's AdamOptimizer and"]),
        ([dict(NEW, learning_rate=0.001)], ["learning_rate is 0.002 in the old"]),
        ([dict(NEW, epsilon="None")], []),
        ([NEW, dict(NEW, epsilon=1e-7)], []),  # which of the two is meant?
    ],
)
def test_settings_that_differ_are_noted(
    new: list[dict[str, Any]], said: list[str], tmp_path: Path
) -> None:
    outcome = check(trace(tmp_path / "a.npz", [OLD]), trace(tmp_path / "b.npz", new))
    assert outcome.exit_code == 0  # one step of these numbers is the same
    assert len(outcome.notes) == len(said)
    assert all(words in note for words, note in zip(said, outcome.notes, strict=True))


@pytest.mark.parametrize(
    ("seeds", "kind"), [((None, None), "noise"), ((1, 2), "noise"), ((1, 1), None)]
)
def test_runs_that_draw_otherwise_are_not_compared(
    seeds: tuple[int | None, int | None], kind: str | None, tmp_path: Path
) -> None:
    sides = [
        trace(
            tmp_path / f"{loss}.npz",
            [],
            options={"noise": seed},
            random_operations=2,
            loss=loss,
        )
        for seed, loss in zip(seeds, (1, 2), strict=True)
    ]
    outcome = check(*sides)
    assert (outcome.condition.kind if outcome.condition else None) == kind
    assert outcome.exit_code == (3 if kind else 1)


def test_warnings_of_the_recorder_are_notes(tmp_path: Path) -> None:
    a = trace(tmp_path / "a.npz", [], warnings=["XLA is off"])
    b = trace(tmp_path / "b.npz", [])
    assert "recording the old program: XLA is off" in check(a, b).notes
