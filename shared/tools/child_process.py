"""Runs a module of the suite in a process of its own: under real TensorFlow 1.15, or on a GPU."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from shared.errors import SuiteError
from shared.program.ending import ended_with_this

ROOT = Path(__file__).resolve().parents[2]
TF115_PYTHON = ROOT / ".venv-tf115" / "bin" / "python"


def tf115_environment() -> dict[str, str]:
    """The environment of this process, less TF2_BEHAVIOR and PYTHONOPTIMIZE.

    TensorFlow 2 sets the first when it loads; 1.15 would obey it. With the second at 2, 1.15 cannot
    be imported: it computes with its docstrings.
    """
    left_out = ("TF2_BEHAVIOR", "PYTHONOPTIMIZE")
    return {name: value for name, value in os.environ.items() if name not in left_out}


@contextlib.contextmanager
def temporary_files_removed(environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Yields an environment whose TMPDIR is a folder that goes with the block.

    A process that a signal ends leaves its temporary files, such as those of `tf.function`'s code.
    """
    with tempfile.TemporaryDirectory(prefix="pairs-") as folder:
        yield {**environment, "TMPDIR": folder}


def run_group(
    command: Sequence[str], env: Mapping[str, str] = os.environ, **settings: Any
) -> subprocess.CompletedProcess[Any]:
    """Runs a command as `subprocess.run` does, and ends whatever it has started when this ends.

    The command has a process group of its own, to which all that it starts belongs. Inside
    `exit_on_signals` a signal that ends this process ends the group. Its temporary files go with
    it.
    """
    with temporary_files_removed(env) as environment:
        process = subprocess.Popen(command, start_new_session=True, env=environment, **settings)
        try:
            output, errors = process.communicate()
        finally:
            _end_group(process)
    return subprocess.CompletedProcess(list(command), process.returncode, output, errors)


def _end_group(process: subprocess.Popen[Any], patience: float = 5.0) -> None:
    """Asks the group of a process to end, and after `patience` seconds ends what is left of it."""
    try:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    finally:  # also where another signal interrupts the wait
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_module(
    python: str,
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    expected: str,
) -> str:
    """Runs `python -m module` in the suite's folder; returns what it printed.

    It ends with this process, in whichever thread this is called.

    Raises:
        SuiteError: the process failed; the message names what was `expected` and its last line.
    """
    with temporary_files_removed(environment) as own:
        process = subprocess.Popen(
            [python, "-m", module, *arguments],
            cwd=ROOT,
            env=own,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with ended_with_this(process):
            output, errors = process.communicate()
    if process.returncode != 0:
        last_line = (errors.strip() or "no message").splitlines()[-1]
        raise SuiteError(f"{python}: expected {expected}, found: {last_line}")
    return output
