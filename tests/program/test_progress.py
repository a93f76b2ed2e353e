"""What a run tells on its way: the loss of the newest step, and the rate since it began."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np
import pytest

from shared.program import progress


def test_a_resumed_run_tells_of_its_own_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    now, told = [0.0], []
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    class Told(progress.Progress):
        def show_report(self, loss: float, values: Mapping[str, float]) -> None:
            told.append((loss, dict(values), self.steps_per_second))

    losses = np.array([4, 3.5, 2, 1.5, 0.5], np.float32)
    run = Told()
    now[0] = 7.0  # what came before the first step is not counted
    run.begin(100, 105, "model-100")
    now[0] = 9.0
    run.report(range(100, 103), losses[:3], weight=2.5)
    now[0] = 17.0
    run.report(range(103, 105), losses[3:], weight=3.25)
    assert told == [(2.0, {"weight": 2.5}, 1.5), (0.5, {"weight": 3.25}, 0.5)]
    result = run.finish({}, {})
    assert (result.steps, result.seconds) == (105, 10.0)
    assert np.array_equal(result.losses, losses)
    assert result.reported == {"step": [103, 105], "weight": [2.5, 3.25]}
