"""`pairs check` runs programs that nobody prepared: another start, other batches, other noise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import forked_python
from forked_children import children_in_forks
from shared.tools.child_process import tf115_environment
from shared.tools.commands import main
from shared.tools.record.one_file import source
from tf115_environment import require_tf115, tf115_python

PROGRAMS = Path(__file__).resolve().parents[2] / "files" / "programs"
Check = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module", autouse=True)
def forks() -> Iterator[None]:
    """test_ports.py runs the command with processes of their own."""
    with children_in_forks():
        yield


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Records noisy_old.py, under 1.15 where it is there; returns the trace's path."""
    folder = tmp_path_factory.mktemp("old")
    recorder, trace = folder / "record_tf1.py", folder / "old.npz"
    recorder.write_text(source(), encoding="utf-8")
    options = ["--noise", "3", "--steps", "4", "--every", "1", "--keep-batches"]
    python = tf115_python() or sys.executable
    command = [python, recorder, *options, trace, PROGRAMS / "noisy_old.py"]
    forked_python.run(command, PROGRAMS, tf115_environment(), check=True)
    return str(trace)


@pytest.fixture
def check(old: str, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(new: str, *flags: str) -> tuple[int, str]:
        command = ["check", "--old", old, "--new", f"python {new}", "--new-python", sys.executable]
        code = main([*command, "--new-folder", str(PROGRAMS), "--reruns", "1", *flags])
        return code, " ".join(capsys.readouterr().out.split())

    return run


START, BATCHES = ("--start-from", "old"), ("--batches-from", "old")
ALL = (*START, *BATCHES, "--noise-from", "old")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((), "the initial values differ: w1, w2 --start-from old gives"),
        (START, "the batches differ: x, from step 1 --batches-from old gives"),
        ((*START, *BATCHES), "the old program draws random numbers in its steps"),
    ],
    ids=["start", "batches", "noise"],
)
def test_the_first_condition_that_does_not_hold_is_named(
    flags: tuple[str, ...], words: str, check: Check
) -> None:
    code, said = check("noisy_loop.py", *flags)
    assert code == 3
    assert said.startswith("not comparable: " + words)


@pytest.mark.slow
@pytest.mark.parametrize("port", ["noisy_loop.py", "noisy_fit.py"])
def test_a_port_given_start_batches_and_noise_is_equal(port: str, check: Check) -> None:
    code, said = check(port, *ALL)
    assert code == 0
    assert said.startswith("equal: within what rounding explains")
    assert "compared: steps 1 to 4" in said


@pytest.mark.slow
def test_a_wrong_epsilon_is_found_through_dropout(check: Check) -> None:
    code, said = check("noisy_loop.py 1e-3", *ALL)
    assert code == 1
    assert "differs: first at step 1, variable" in said
    assert "epsilon is 1e-08 in the old program's AdamOptimizer and 0.001 in the new" in said


def test_noise_of_a_trace_recorded_without_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from small_training import Run

    trace = str(tmp_path / "plain.npz")
    Run().record(Path(trace)).close()
    assert main(["check", "--old", trace, "--new", trace, "--noise-from", "old"]) == 2
    assert "expected a trace recorded with --noise SEED" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.tf115
def test_an_altered_start_shows_that_two_gates_are_exchanged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ports = str(PROGRAMS / "ports")
    old = ["--old", f"{require_tf115()} rnn_old.py", "--old-folder", ports]
    new = ["--new", f"{sys.executable} rnn_new.py 'first gates exchanged'", "--new-folder", ports]
    assert main(["check", *old, *new, "--steps", "2", "--reruns", "0"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "differs: first at step 1, logits" in said
    assert "hint: B takes the first and the second gate of rnn/rnn/lstm_cell/kernel in" in said
