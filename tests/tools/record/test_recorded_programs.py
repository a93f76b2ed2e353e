"""Programs that nobody prepared are recorded, and print what they print without a recorder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recorded_programs import PROGRAMS, recorded, recording, run
from shared.tools.record.one_file import source
from shared.trace_recorder import Trace, read_trace
from tf115_environment import require_tf115


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


def printed_numbers(text: str, word: str) -> list[np.float32]:
    """Returns the numbers of the lines that begin with `word`."""
    lines = [line.split(None, 1) for line in text.splitlines() if line.startswith(word + " ")]
    return [np.float32(number) for _, number in lines]


@pytest.mark.slow
@pytest.mark.tf115
def test_every_kind_of_session_is_recorded_with_the_losses_it_prints(tmp_path: Path) -> None:
    python = str(require_tf115())
    trace, printed = recorded(tmp_path, python, "sessions_of_every_kind", "--every", "1")
    assert printed == run(python, PROGRAMS / "sessions_of_every_kind.py").stdout
    kinds = ["hook", "supervisor", "queue", "thread", "callable", "keras"]
    expected = [number for kind in kinds for number in printed_numbers(printed, kind)]
    assert len(expected) == 3 + 2 + 3 + 2 + 1 + 2
    assert trace.losses.tolist() == [float(number) for number in expected]
    for name in ("monitored", "supervised", "queued", "threaded"):
        assert (
            trace.records("gradient", name).size == trace.records("slot", f"{name}/Momentum").size
        )
    assert trace.records("slot", "dense/kernel/m").size == 2  # Keras names it otherwise
    assert trace.whole("batch", "batch", 6).shape == (4, 3)  # of the queue


@pytest.mark.slow
@pytest.mark.tf115
def test_an_estimator_is_recorded_with_the_losses_it_prints(tmp_path: Path) -> None:
    python = str(require_tf115())
    trace, printed = recorded(tmp_path, python, "estimator")
    assert printed == run(python, PROGRAMS / "estimator.py").stdout
    assert trace.losses.tolist() == [float(n) for n in printed_numbers(printed, "estimator")]
    assert len(trace.steps) == 3
    assert trace.records("slot", "w/Adagrad").size == 3


@pytest.mark.tf115
def test_clipping_and_averaging_are_no_steps_and_each_optimizer_has_its_loss(
    tmp_path: Path,
) -> None:
    python = str(require_tf115())
    trace, printed = recorded(tmp_path, python, "clipped_gan", "--every", "1")
    assert trace.steps.tolist() == [1, 2, 3, 4, 5]
    lines = printed.splitlines()
    assert trace.losses[:4].tolist() == [float(np.float32(line)) for line in lines[:4]]
    # Both optimizers in one run: the sum, and each by its name.
    both = [float(np.float32(number)) for number in lines[4].strip("[]").split(", ")]
    assert [float(trace.whole("loss", name, 5)) for name in ("d_loss", "g_loss")] == both
    assert trace.losses[4] == np.float32(both[0]) + np.float32(both[1])
    # The update by hand has the gradient that it subtracted a tenth of, within a rounding of 1.
    decayed = np.float32(0.99) * trace.whole("variable", "g", 1)
    moved = decayed - np.float32(0.1) * trace.whole("gradient", "g", 2)
    np.testing.assert_allclose(trace.whole("variable", "g", 2), moved, rtol=0, atol=1.2e-7)
    assert "d/RMSProp" in {t.name for t in trace.tensors if t.stage == "slot"}


@pytest.mark.slow
@pytest.mark.tf115
def test_steps_end_a_program_that_trains_in_threads(tmp_path: Path) -> None:
    trace, _ = recorded(tmp_path, str(require_tf115()), "sessions_of_every_kind", "--steps", "9")
    assert trace.steps.tolist() == list(range(1, 10))  # the ninth step is a thread's


def test_a_tensor_of_another_form_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = recording(tmp_path / "a.npz", "--every", "1")
    for batch in (np.zeros(3, np.float32), np.zeros((3, 1), np.float32), np.ones(3, np.float32)):
        one.record({"loss": np.float32(1)}, {"x": batch}, None, {}, {}, {})
    one.close()
    trace = read_trace(tmp_path / "a.npz")
    assert trace.records("batch", "x")["step"].tolist() == [1, 3]
    assert "batch x has the dtype float32 and 2 dimensions at step 2" in capsys.readouterr().err


def test_a_loss_of_several_examples_is_their_sum(tmp_path: Path) -> None:
    # That is what TensorFlow differentiates where it is given more than one number.
    one, each = recording(tmp_path / "a.npz"), np.array([1, 2.5, 4], np.float32)
    one.record({"loss": each}, {}, None, {}, {}, {})
    one.record({"loss": each, "tower": each[:2]}, {}, None, {}, {}, {})
    one.close()
    trace = read_trace(tmp_path / "a.npz")
    assert trace.losses.tolist() == [7.5, 11]
    assert [float(trace.whole("loss", name, 2)) for name in ("loss", "tower")] == [7.5, 3.5]


@pytest.mark.slow
def test_logits_under_a_tape_are_those_that_the_program_prints(tmp_path: Path) -> None:
    trace, printed = recorded(tmp_path, sys.executable, "logits_of_tapes", "--every", "1")
    assert printed == run(sys.executable, PROGRAMS / "logits_of_tapes.py").stdout
    lines = [line.split(None, 1) for line in printed.splitlines()]
    places = [(1, "logits"), (2, "logits"), (2, "logits_1"), (3, "logits"), (4, "logits")]
    assert [word for word, _ in lines] == ["eager", "function", "function", "sigmoid", "fit"]
    for (step, name), (_, numbers) in zip(places, lines, strict=True):
        found = trace.whole("logits", name, step).ravel()[:3].tolist()
        if step != 4:  # `fit` multiplies in a graph, whose sums may be those of another kernel
            assert found == eval(numbers)
        np.testing.assert_allclose(found, eval(numbers), rtol=1e-6)
    assert trace.steps.tolist() == [1, 2, 3, 4, 5]
    assert trace.whole_steps("logits", "logits") == [1, 2, 3, 4]  # a loss of squares has none


@pytest.mark.tf115
def test_an_optimizer_of_the_programs_own_has_the_gradients_that_it_applies(
    tmp_path: Path,
) -> None:
    python = str(require_tf115())
    trace, printed = recorded(tmp_path, python, "own_optimizers", "--every", "1")
    assert printed == run(python, PROGRAMS / "own_optimizers.py").stdout
    lines = [eval(line) for line in printed.splitlines()]
    np.testing.assert_allclose(lines[0], [0.6, 0.8], rtol=2e-7)  # 3 and 4 clipped to the norm 1
    for step in (1, 3):
        assert trace.whole("gradient", "w", step).tolist() == lines[step - 1]
    assert trace.whole("gradient", "u", 2).tolist() == [2.0]  # doubled
    assert trace.whole("variable", "u", 2).tolist() == [0.5]
    # The second run shows a gradient of the other loss, which is none of its step.
    assert trace.losses.tolist()[:2] == [12.5, 0.5]
    told = trace.meta["flags"]["recorder"]
    assert [one["class"] for one in told["optimizers"]] == ["Decayed", "Doubled"]
    assert told["gradients_not_applied"] == []


@pytest.mark.tf115
def test_variables_are_read_and_started_in_few_runs(tmp_path: Path) -> None:
    # TensorFlow prepares its graph anew for each new set of fetches: half a second of a large one.
    python = str(require_tf115())
    given = {"v0": [5.0, 6.0], "v1": [7.0, 8.0], "v39": [9.0, 9.0]}
    values: dict[str, Any] = {n: np.array(v, np.float32) for n, v in given.items()}
    np.savez(tmp_path / "start.npz", **values)
    start = ("--start-from", str(tmp_path / "start.npz"))
    trace, printed = recorded(tmp_path, python, "many_variables", *start, "--every", "1")
    assert run(python, PROGRAMS / "many_variables.py").stdout == "2\n"
    # Read before the start, after it and after the step: each in one run for half of those left,
    # until the one that has no value is alone. One by one it would be 2 + 3 + 3 * 41.
    assert int(printed) < 2 + 3 + 3 * 15
    for name, value in [*given.items(), ("v7", [7.0, 0.0])]:
        assert trace.whole("initial", f"variable/{name}", 0).tolist() == value
        assert trace.whole("gradient", name, 1).tolist() == value
        assert trace.whole("variable", name, 1).tolist() == [0.5 * number for number in value]
    assert "never" not in {t.name for t in trace.tensors}
