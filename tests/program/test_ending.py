"""A signal ends a command like an exception: nothing of it is left, and its exit code tells."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.program.ending import end, ended_with_this, exit_on_signals
from shared.program.progress import stop_signals

ROOT = Path(__file__).parents[2]
# Waits in the main thread, with a temporary folder, while a thread waits for another process.
WORKING = """
import os, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from shared.program.broken_pipe import run_until_closed
from shared.tools.child_process import run_module

def work():
    with tempfile.TemporaryDirectory(dir=sys.argv[1]), ThreadPoolExecutor(1) as pool:
        sleeps = ["-n", "1", "import time; time.sleep(60)  # " + sys.argv[1]]
        pool.submit(run_module, sys.executable, "timeit", sleeps, os.environ, "its time")
        print("begun", flush=True)
        time.sleep(60)

sys.exit(run_until_closed(work))
"""
UNGUARDED = WORKING.replace("sys.exit(run_until_closed(work))", "work()")


def started(program: str, folder: Path, *before: str) -> subprocess.Popen[str]:
    """Starts a program; returns it once it waits, and its process too."""
    process = subprocess.Popen(
        [*before, sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    # Until it runs another program, a new process has the command of the one that starts it.
    wait_for(lambda: left(folder, "-m timeit .*"))
    return process


def asked_to_end(process: subprocess.Popen[str], number: int) -> str:
    """Sends a signal to a process; returns what it wrote to standard error until it ended.

    Sends it again after ten seconds: Python looks whether a signal has come before it waits, not
    where it begins to, so one that comes between, on a busy machine, is heard after the wait.
    """
    process.send_signal(number)
    try:
        return process.communicate(timeout=10)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        return process.communicate(timeout=60)[1]


def left(folder: Path, before: str = "") -> list[str]:
    """Returns the processes whose command names a folder, `before` in front of it."""
    command = ["pgrep", "-f", "--", f"{before}{folder}"]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


def test_a_second_signal_while_it_waits_still_ends_the_process() -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on', flush=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", stubborn + "; time.sleep(60)"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "on\n"

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            end(process, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert process.poll() == -signal.SIGKILL


def test_a_process_that_starts_after_the_signal_is_asked_to_end() -> None:
    with exit_on_signals():
        with pytest.raises(SystemExit):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        with ended_with_this(process):
            assert process.wait(30) == -signal.SIGTERM
    for block in (contextlib.nullcontext, exit_on_signals):  # behind the block none has come
        with block():
            process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.2)"])
            with ended_with_this(process):
                assert process.wait(30) == 0


def wait_for(condition: object, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 1)]
)
def test_nothing_is_left(number: int, code: int, tmp_path: Path) -> None:
    process = started(WORKING, tmp_path)
    errors = asked_to_end(process, number)
    # Commands turn KeyboardInterrupt into one line and 130; here nobody does.
    assert process.returncode in (code, -number)
    assert errors == "" or number == signal.SIGINT
    assert list(tmp_path.iterdir()) == []
    wait_for(lambda: left(tmp_path) == [])


def test_without_it_a_process_and_a_folder_are_left(tmp_path: Path) -> None:
    process = started(UNGUARDED, tmp_path)
    process.terminate()
    process.communicate(timeout=60)
    try:
        assert process.returncode == -signal.SIGTERM
        assert len(list(tmp_path.iterdir())) == 1 and len(left(tmp_path)) == 1
    finally:
        for pid in left(tmp_path):
            os.kill(int(pid), signal.SIGKILL)


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    process = started(WORKING, tmp_path, "nohup")
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 143


def test_handlers_are_those_of_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with exit_on_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_a_closed_terminal_asks_training_to_save() -> None:
    with stop_signals() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert request.received
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not request.received  # under nohup
    finally:
        signal.signal(signal.SIGHUP, before)


RECORDED = "import sys, time\nprint('begun', flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_recorded_program_ends_with_its_recording(number: int, code: int, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(RECORDED)
    command = ["record", "--out", str(tmp_path / "t.npz"), "--", sys.executable]
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.tools.commands", *command, str(tmp_path / "train.py")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    assert {file.name for file in tmp_path.iterdir()} <= {"train.py", "t.npz"}
    assert left(tmp_path) == []
