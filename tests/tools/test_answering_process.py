"""A process that answers says in one line what went wrong, and ends with the process that asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.errors import SuiteError
from shared.tools.answering_process import AnsweringProcess

ROOT = Path(__file__).resolve().parents[2]
JOBS = """
import os, sys, tempfile, time
from shared.tools.answering_process import answer_requests

def add(*, numbers):
    print("from a library")  # must not look like an answer
    os.system("echo from a library in C")
    return sum(numbers)

def fail(text):
    raise ValueError(text)

def end(text):
    sys.exit(text)

def cut(text):
    os.write(answers, b'{"fou')
    sys.exit(text)

def keep():
    return tempfile.mkstemp()[1]

def spin(path):
    open(path, "w").close()
    time.sleep(1000)

answers = os.dup(1)
jobs = dict(add=add, fail=fail, end=end, cut=cut, keep=keep, spin=spin, pid=os.getpid)
answer_requests(jobs)
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], AnsweringProcess]:
    (tmp_path / "jobs.py").write_text(JOBS)
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": path}
    return lambda: AnsweringProcess("a name", sys.executable, "jobs", environment)


Start = Callable[[], AnsweringProcess]


def ends(pid: int) -> bool:
    """Whether a process that is not a child of this one ends within seconds."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_it_does_one_job_after_the_other(start: Start) -> None:
    with start() as process:
        assert [process.ask("a sum", "add", numbers=[1, n]) for n in (1, 2)] == [2, 3]


def test_a_job_that_fails_is_one_line_and_the_next_is_done(start: Start) -> None:
    with start() as process:
        with pytest.raises(SuiteError) as error:
            process.ask("a sum", "fail", text="the first line\nthe second")
        assert str(error.value) == "a name: expected a sum, found: ValueError: the first line"
        with pytest.raises(SuiteError, match=r"^a name: expected a sum, found: KeyError: 'sing'$"):
            process.ask("a sum", "sing")
        assert process.ask("a sum", "add", numbers=[1]) == 1


@pytest.mark.parametrize("job", ["end", "cut"])
def test_a_process_that_ended_is_told_by_its_last_line(job: str, start: Start) -> None:
    with start() as process:
        for _ in range(2):  # its pipe is closed when it is asked again
            with pytest.raises(SuiteError, match=r"^a name: expected a sum, found: the last$"):
                process.ask("a sum", job, text="the first\nthe last")


def test_a_killed_process_is_said_to_be_killed(start: Start) -> None:
    with start() as process:
        pid = process.ask("its number", "pid")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SuiteError, match=r"found: an end by signal 9, after: no message$"):
            process.ask("a sum", "add", numbers=[1])


def test_the_process_and_its_temporary_files_end_with_the_block(start: Start) -> None:
    with start() as process:
        pid, kept = process.ask("its number", "pid"), Path(process.ask("a file", "keep"))
        assert kept.exists()
    assert not kept.exists() and not kept.parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


ASKS = """
import sys, threading
from shared.program.broken_pipe import run_until_closed
from shared.tools.answering_process import AnsweringProcess
import os

def ask():
    with AnsweringProcess("a name", sys.executable, "jobs", os.environ) as process:
        print(process.ask("its number", "pid"), flush=True)
        process.ask("a sum", sys.argv[1], **dict(word.split("=") for word in sys.argv[2:]))
        sys.stdin.read()

sys.exit(run_until_closed(ask))
"""


@pytest.mark.parametrize(
    ("number", "busy"),
    [(signal.SIGKILL, False), (signal.SIGTERM, False), (signal.SIGTERM, True)],
    ids=["killed", "terminated", "terminated while it waits for an answer"],
)
def test_it_ends_with_the_process_that_asks(
    number: int, busy: bool, start: Start, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    job = ["spin", f"path={told}"] if busy else ["pid"]
    asking = subprocess.Popen(
        [sys.executable, "-c", ASKS, *job],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert asking.stdout is not None
    pid = int(asking.stdout.readline())
    while busy and not told.exists():
        time.sleep(0.02)
    asking.send_signal(number)
    asking.communicate(timeout=60)
    assert ends(pid)
