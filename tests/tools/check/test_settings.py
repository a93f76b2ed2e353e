"""The settings of two optimizers are compared where numbers cannot tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorded_programs import recording
from shared.tools.check.outcome import check
from shared.tools.check.report import lines
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
def test_settings_that_differ_are_said_beside_the_verdict(
    new: list[dict[str, Any]], said: list[str], tmp_path: Path
) -> None:
    outcome = check(trace(tmp_path / "a.npz", [OLD]), trace(tmp_path / "b.npz", new))
    assert outcome.exit_code == 0  # one step of these numbers is the same
    assert len(outcome.settings) == len(said)
    told = [str(setting) for setting in outcome.settings]
    assert all(words in text for words, text in zip(said, told, strict=True))
    first = lines(outcome)[0]
    assert first == "equal: bitwise equal" + (
        "; but the optimizers' settings differ" if said else ""
    )


@pytest.mark.parametrize(("size", "share"), [(1e-2, "9.0e-06"), (1e-7, "4.5e-01")])
def test_how_much_an_epsilon_matters_is_said(size: float, share: str, tmp_path: Path) -> None:
    """By hand: 1 - (s + 1e-8) / (s + 1e-7) is 9.0e-6 at s = 1e-2 and 0.45 at 1e-7."""
    value, moments = np.ones(3, F), {"w/Adam": np.full(3, size, F), "w/Adam_1": np.full(3, size**2)}
    for name, optimizer in (("a", OLD), ("b", dict(NEW, epsilon=1e-7))):
        with TraceRecorder(
            tmp_path / name, every=1, flags={"recorder": {"optimizers": [optimizer]}}
        ) as written:
            written.record_initial({"w": value})
            written.record(1, F(1), gradients={"w": value}, slots=moments, variables={"w": value})
    found = check(read_trace(tmp_path / "a"), read_trace(tmp_path / "b")).settings
    assert [setting.name for setting in found] == ["epsilon"]
    assert f"changes the updates of step 1 by {share} of themselves" in found[0].effect


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
    outcome = check(sides[0], sides[1])
    assert (outcome.condition.kind if outcome.condition else None) == kind
    assert outcome.exit_code == (3 if kind else 1)


def test_warnings_of_the_recorder_are_notes(tmp_path: Path) -> None:
    a = trace(tmp_path / "a.npz", [], warnings=["XLA is off"])
    b = trace(tmp_path / "b.npz", [])
    assert "recording the old program: XLA is off" in check(a, b).notes


@pytest.mark.parametrize("shift", [0, 1])
def test_batches_under_other_names_are_compared_by_their_place(shift: int, tmp_path: Path) -> None:
    def run(name: str, batch: dict[str, np.ndarray]) -> Trace:
        with TraceRecorder(tmp_path / name, every=1) as written:
            written.record_initial({"w": np.ones(2, F)})
            written.record(1, F(1), batch=batch, variables={"w": np.ones(2, F)})
        return read_trace(tmp_path / name)

    x, y = np.arange(6, dtype=F).reshape(3, 2), np.arange(3)
    old = run("old.npz", {"x": x, "y": y, "keep": np.array(0.8, F)})
    condition = check(old, run("new.npz", {"0": x + shift, "1": y + shift})).condition
    assert (condition.message if condition else "") == (
        "the batches differ: x, from step 1" if shift else ""
    )


def test_a_perturbed_start_is_the_next_number_in_each_element(tmp_path: Path) -> None:
    one, value = recording(tmp_path / "a.npz", "--perturb", "3"), np.linspace(0, 1, 50, dtype=F)
    moved = one.value_to_start_from("w", value)
    one.recorder.discard()
    assert moved is not None and moved[0] == 0  # a bias of 0 stays
    neighbours = np.nextafter(value, -np.inf, dtype=F), np.nextafter(value, np.inf, dtype=F)
    up = (moved == neighbours[1])[1:]
    assert ((moved == neighbours[0])[1:] | up).all() and 0 < up.sum() < 49
