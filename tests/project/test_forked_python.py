"""`forked_python.run` does what `subprocess.run` does: output, exit code, arguments, place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import forked_python
from forked_python import ROOT, SERVER, Server, run
from shared.tools.child_process import tf115_environment
from tf115_environment import require_tf115

TELLS = """
import atexit, os, sys
import __main__
atexit.register(print, "the end")
print(sys.argv, sys.path[0], os.getcwd(), os.environ["COLUMNS"], sys.stdin.read(), __name__)
print(__main__.sys is sys, sys.stdout.isatty(), [p for p in sys.path if "/words" in p])
print("an error", file=sys.stderr)
"""
ENDS = {
    "well": "",
    "code": "sys.exit(7)",
    "text": "sys.exit('one line')",
    "error": "raise ValueError('no such thing')",
    "signal": "os.kill(os.getpid(), 9)",
    "interrupt": "raise KeyboardInterrupt",
}


def both(command: list[str], **settings: Any) -> list[subprocess.CompletedProcess[str]]:
    """Runs a command in a process of its own, and in a fork."""
    alone = subprocess.run(command, capture_output=True, text=True, **settings)
    return [alone, run(command, **settings)]


def assert_same(alone: Any, forked: Any) -> None:
    assert forked.stdout == alone.stdout
    assert forked.stderr == alone.stderr
    assert forked.returncode == alone.returncode


@pytest.mark.parametrize("ending", ENDS)
@pytest.mark.parametrize("form", ["code", "file", "module"])
def test_a_program_is_the_same_in_a_fork(form: str, ending: str, tmp_path: Path) -> None:
    text = TELLS + ENDS[ending]
    (tmp_path / "tells.py").write_text(text)
    first = {"code": ["-c", text], "file": [str(tmp_path / "tells.py")], "module": ["-m", "tells"]}
    env = {**os.environ, "COLUMNS": "61", "PYTHONPATH": str(tmp_path / "words")}
    alone, forked = both([sys.executable, *first[form], "a b", "--flag"], cwd=tmp_path, env=env)
    assert_same(alone, forked)
    assert alone.stderr.startswith("an error\n") or ending == "signal"


TRAINS = """
import shared.tensorflow_loading
import numpy, random, sys
from tf1_style.relu_regression import PROGRAM
code = PROGRAM.main(["train", "--steps", "20", "--checkpoint-dir", sys.argv[1]])
print(code, PROGRAM.main(["evaluate", "--checkpoint-dir", sys.argv[1]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "runtime",
    ["here", pytest.param("1.15", marks=pytest.mark.tf115)],
)
def test_training_is_the_same_in_a_fork(runtime: str, tmp_path: Path) -> None:
    python = sys.executable if runtime == "here" else str(require_tf115())
    inherited = os.environ if runtime == "here" else tf115_environment()
    env = {**inherited, "PYTHONPATH": str(ROOT)}
    command = [python, "-c", TRAINS, str(tmp_path / "checkpoints")]
    alone = subprocess.run(command, capture_output=True, text=True, env=env)
    shutil.rmtree(tmp_path / "checkpoints")
    forked = run(command, env=env)
    for done in (alone, forked):
        done.stdout, speeds = re.subn(r" +\d+ steps/s", "", done.stdout)
        assert speeds == 1
    assert_same(alone, forked)
    assert "loss" in alone.stdout and alone.stdout.endswith("0 0\n")


def test_forks_draw_different_numbers() -> None:
    code = "import numpy, random; print(numpy.random.rand(), random.random())"
    drawn = [run([sys.executable, "-c", code], check=True).stdout.split() for _ in range(2)]
    assert len({*drawn[0], *drawn[1]}) == 4


@pytest.mark.slow
def test_what_is_read_at_the_start_has_its_effect() -> None:
    command = [sys.executable, "-W", "ignore", "-c", "print(hash('a'))"]
    hashes = {
        run(command, env={**os.environ, "PYTHONHASHSEED": seed}).stdout for seed in ("1", "2", "1")
    }
    assert len(hashes) == 2


def test_a_server_with_a_thread_does_not_fork(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[9], daemon=True).start()"
    )
    server = [sys.executable, str(SERVER), str(tmp_path), "threaded"]
    done = subprocess.run(server, input="{}\n", capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert "RuntimeError: expected no thread but NumPy's" in done.stderr


@pytest.fixture
def small_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that has imported NumPy and one module of the suite."""
    monkeypatch.setattr(forked_python, "HERE", ("shared.errors",))
    server = Server(sys.executable, (), os.environ)
    yield server
    server.end()


def test_a_program_imports_from_another_copy_of_the_suite(
    small_server: Server, tmp_path: Path
) -> None:
    (tmp_path / "shared").mkdir()
    for name in ("__init__.py", "errors.py"):
        (tmp_path / "shared" / name).write_text("print(__name__, 'of the copy')\n")
    words = ["-c", "import numpy, shared.errors; print(shared.errors.__file__)"]
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    anew = small_server.run(words, tmp_path, env, suite=tmp_path).stdout.splitlines()
    there = str(tmp_path / "shared" / "errors.py")
    assert anew == ["shared of the copy", "shared.errors of the copy", there]
    # Without saying so, it has what the server has imported: a changed copy would go unnoticed.
    assert small_server.run(words, tmp_path, env).stdout == f"{ROOT}/shared/errors.py\n"


@pytest.mark.slow
def test_a_program_that_takes_too_long_ends(small_server: Server, tmp_path: Path) -> None:
    program = "import time\nwhile True:\n  open('ticks', 'a').write('.')\n  time.sleep(0.02)"
    with pytest.raises(subprocess.TimeoutExpired):
        small_server.run(["-c", program], tmp_path, os.environ, timeout=2)
    ticks = (tmp_path / "ticks").stat().st_size
    time.sleep(0.5)
    assert (tmp_path / "ticks").stat().st_size == ticks > 0
