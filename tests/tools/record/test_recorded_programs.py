"""Programs that nobody prepared are recorded, and print what they print without a recorder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.tools.child_process import tf115_environment
from shared.tools.record.one_file import source
from shared.trace_recorder import Trace, read_trace
from tf115_environment import require_tf115

PROGRAMS = Path(__file__).resolve().parents[2] / "files" / "programs"


def run(python: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, "-W", "ignore", *map(str, words)],
        env=tf115_environment(),
        capture_output=True,
        text=True,
    )


def recorded(tmp_path: Path, python: str, program: str, *options: str) -> tuple[Trace, str]:
    one_file, out = tmp_path / "record_tf1.py", tmp_path / "trace.npz"
    one_file.write_text(source(), encoding="utf-8")
    done = run(python, one_file, *options, out, PROGRAMS / f"{program}.py")
    assert done.returncode == 0, done.stderr
    return read_trace(out), done.stdout


def check_adam(trace: Trace, learning_rate: float = 0.05) -> None:
    """One step of Adam from the recorded gradient gives the recorded variable and slots."""
    gradient = trace.whole("gradient", "w", 1).astype(np.float64)
    m, v = 0.1 * gradient, 0.001 * gradient**2
    # One float32 rounding per operation, of which there are fewer than ten: 10 * 2**-24.
    rounding: dict[str, Any] = {"rtol": 6e-7, "atol": 1e-9}
    np.testing.assert_allclose(trace.whole("slot", "w/Adam", 1), m, **rounding)
    np.testing.assert_allclose(trace.whole("slot", "w/Adam_1", 1), v, **rounding)
    step = learning_rate * np.sqrt(0.001) / 0.1 * m / (np.sqrt(v) + 1e-8)
    start = trace.whole("initial", "variable/w", 0)
    # 1 - beta2 in float32 is off by 1.7e-5 of itself: half of that reaches the step.
    np.testing.assert_allclose(start - trace.whole("variable", "w", 1), step, rtol=1e-4, atol=1e-6)


@pytest.mark.tf115
def test_a_session_with_dropout_under_115_records_what_was_applied(
    tmp_path: Path,
) -> None:
    python = str(require_tf115())
    trace, printed = recorded(tmp_path, python, "session_adam")
    assert printed == run(python, PROGRAMS / "session_adam.py").stdout
    assert trace.steps.tolist() == list(range(1, 9))
    assert {t.name for t in trace.tensors if t.stage == "batch"} == {"x", "y"}
    check_adam(trace)  # with gradients of a run of their own, dropout would have drawn others


@pytest.mark.slow
@pytest.mark.parametrize("program", ["session_adam", "eager_loop", "keras_fit"])
def test_a_program_under_tensorflow_2_prints_the_same(tmp_path: Path, program: str) -> None:
    trace, printed = recorded(tmp_path, sys.executable, program)
    assert printed == run(sys.executable, PROGRAMS / f"{program}.py").stdout
    assert len(trace.steps) == {"session_adam": 8, "eager_loop": 6, "keras_fit": 12}[program]
    assert np.isfinite(trace.losses).all()
    assert {"batch", "gradient", "slot", "variable"} <= {t.stage for t in trace.tensors}


@pytest.mark.tf115
def test_steps_end_the_program_early(tmp_path: Path) -> None:
    trace, printed = recorded(tmp_path, str(require_tf115()), "session_adam", "--steps", "3")
    assert trace.steps.tolist() == [1, 2, 3]
    assert len(printed.splitlines()) == 2  # the third step's own line comes after it


@pytest.mark.tf115
def test_updates_by_hand_and_sparse_ones_are_steps(
    tmp_path: Path,
) -> None:
    python, out = str(require_tf115()), tmp_path / "trace.npz"
    one_file, program = tmp_path / "record_tf1.py", PROGRAMS / "updates_by_hand.py"
    one_file.write_text(source(), encoding="utf-8")
    done = run(python, one_file, out, program)
    assert done.returncode == 1
    assert "ValueError: an error of the program's own" in done.stderr
    assert done.stdout == run(python, program).stdout
    trace = read_trace(out)
    assert trace.steps.tolist() == [1, 2, 3, 4, 5, 6]
    assert trace.losses[0] == 4  # (3 - 1)**2: every weight is 1
    gradient = trace.whole("gradient", "e", 2)
    assert gradient[1].tolist() == (2 * gradient[2]).tolist()  # index 1 twice, index 2 once
    assert not gradient[[0, 3, 4]].any()
