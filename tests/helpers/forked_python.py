"""Runs Python programs as forks of a process that has imported TensorFlow already.

Importing TensorFlow takes four seconds of a processor, and hundreds of tests run a program. `run`
does what `subprocess.run` does, in a fork of a server (fork_server.py says why that is sound); each
interpreter has one server in each process of pytest, and another for other variables that are read
at the start. How a process starts, what it imports and what a signal does to it are tested with
processes of their own; tests/project/test_forked_python.py compares both ways.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(__file__).with_name("fork_server.py")
# Variables that Python, TensorFlow and the libraries below read once, when they start.
AT_START = ("PYTHON", "TF_", "TF2_", "KERAS_", "XLA_", "OMP_", "OPENBLAS_", "MKL_", "CUDA_", "LD_")
MOST_SERVERS = 4  # of 400 MB each
# What most programs import. No file of a style: a program may bring its own.
HERE = ("shared.tensorflow_loading", "keras", "shared.tools.commands")
TF115 = ("shared.tensorflow_loading",)


def run(
    command: Sequence[object],
    cwd: Path | str = ROOT,
    env: Mapping[str, str] | None = None,
    check: bool = False,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs a program as `subprocess.run` does with `capture_output=True, text=True`.

    Args:
        command: an interpreter; options `-W …`; then `-m MODULE`, `-c CODE` or a file, and the
            program's arguments.
        cwd: the working directory.
        env: the environment; without it, this process's.
        check: whether an exit code other than 0 raises CalledProcessError.
        timeout: seconds, after which the program is ended and TimeoutExpired is raised.
    """
    python, *words = map(str, command)
    options: list[str] = []
    while words[0] == "-W":
        options, words = options + words[:2], words[2:]
    environment = dict(os.environ if env is None else env)
    server = _server(python, tuple(options), environment)
    done = server.run(words, cwd, environment, timeout=timeout)
    done.args = list(map(str, command))
    if check:
        done.check_returncode()
    return done


class Server:
    """A process that forks. It ends with this process, which holds the other end of its pipe."""

    def __init__(self, python: str, options: Sequence[str], environment: Mapping[str, str]) -> None:
        """Starts the process, which then imports while this one goes on."""
        self._python = python
        modules = HERE if python == sys.executable else TF115
        self._process = subprocess.Popen(
            [python, *options, str(SERVER), str(ROOT), *modules],
            env={name: value for name, value in environment.items() if name != "PYTHONPATH"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(
        self,
        words: Sequence[str],
        cwd: Path | str,
        environment: Mapping[str, str],
        suite: Path = ROOT,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Runs one program.

        Args:
            words: what would follow the interpreter.
            cwd: the working directory.
            environment: all of the program's variables.
            suite: the copy of this suite that the program imports from. Of another than this one,
                it imports every module anew.
            timeout: seconds, after which the server ends, and the program with it.

        Returns:
            As `subprocess.run`; a signal that ended the program is an exit code below 0.

        Raises:
            RuntimeError: the server ended.
            subprocess.TimeoutExpired: the program took longer.
        """
        with tempfile.TemporaryDirectory() as folder:
            job: dict[str, object] = {
                "words": list(words),
                "cwd": str(cwd),
                "env": dict(environment),
                "forgets": suite != ROOT,
                "out": os.path.join(folder, "out"),
                "err": os.path.join(folder, "err"),
            }
            code = self._answer(job, timeout)
            out, err = (Path(str(job[name])).read_text(encoding="utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess([self._python, *words], code, out, err)

    def _answer(self, job: dict[str, object], timeout: float | None) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            waiting, _, _ = select.select([self._process.stdout], [], [], timeout)
            if timeout is not None and not waiting:
                raise subprocess.TimeoutExpired(str(job["words"]), timeout)
            answer = self._process.stdout.readline()
        except BaseException:  # a time limit, say: the next answer would be this program's
            self.end()
            raise
        if not answer:
            self.end()
            raise RuntimeError("the fork server ended; its error is on standard error")
        return int(answer)

    def end(self) -> None:
        """Ends the process and what it runs; the next program starts another."""
        for key in [key for key, server in _servers.items() if server is self]:
            del _servers[key]
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()


_servers: dict[object, Server] = {}


def _server(python: str, options: tuple[str, ...], environment: Mapping[str, str]) -> Server:
    """Returns the server of an interpreter that has started with the same options and variables."""
    read = [
        (name, value)
        for name, value in sorted(environment.items())
        if name.startswith(AT_START) and name != "PYTHONPATH"
    ]
    key = python, options, tuple(read)
    if key in _servers:
        _servers[key] = _servers.pop(key)  # the newest again
    else:
        if len(_servers) >= MOST_SERVERS:
            next(iter(_servers.values())).end()  # the one that was not used for longest
        _servers[key] = Server(python, options, environment)
        atexit.register(_servers[key].end)
    return _servers[key]
