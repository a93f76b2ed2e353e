"""Runs a program under the recorder, by the interpreter and in the folder that its user names."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import UsageError
from shared.program.display import shown
from shared.tools.child_process import tf115_environment
from shared.tools.record.one_file import source
from shared.tools.record.python_words import read
from shared.trace_recorder import Trace, TraceFileError, read_trace

_INTERPRETER = "python"


@dataclass(frozen=True)
class Program:
    """A command to record, or a finished trace.

    Attributes:
        python: the interpreter; None for a finished trace.
        arguments: script (or -m and a module) and its arguments, or the path of the trace.
        folder: where it runs.
        flags: of the interpreter, such as -u.
    """

    python: str | None
    arguments: tuple[str, ...]
    folder: Path
    flags: tuple[str, ...] = ()

    @property
    def is_trace(self) -> bool:
        """Whether it was recorded already."""
        return self.python is None

    def __str__(self) -> str:
        """Returns the command or the path."""
        return shlex.join(self.arguments)


def program(text: str, python: str | None, folder: str | None, flag: str) -> Program:
    """Reads what --old or --new says: a command that begins with an interpreter, or a trace.

    Raises:
        UsageError: no such trace, interpreter, script or folder.
    """
    where = Path(folder or ".").resolve()
    if not where.is_dir():
        raise UsageError(f"{flag}-folder {folder}: expected a folder, found none")
    if text.endswith(".npz"):
        return Program(None, (text,), where)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{flag} {shown(text)}: cannot be read: {error}") from error
    if words and _INTERPRETER in Path(words[0]).name:
        python, words = python or words[0], words[1:]
    if not words or (not words[0].endswith(".py") and not words[0].startswith("-")):
        raise UsageError(
            f"{flag} {shown(text)}: expected a trace (NAME.npz) or 'python SCRIPT.py ...', "
            "found neither"
        )
    told = read(words, f"{flag} {shown(text)}")
    if not told.is_module and not (where / told.program[0]).is_file():
        raise UsageError(f"{flag}: expected the script {told.program[0]} in {where}, found none")
    return Program(python or sys.executable, told.program, where, told.flags)


def record(which: Program, out: Path, options: Sequence[str], flag: str) -> Trace:
    """Runs a program under the recorder and opens the trace.

    Args:
        which: the program.
        out: the trace to write.
        options: of the recorder, such as ["--steps", "10"].
        flag: --old or --new, for the error.

    Raises:
        UsageError: the interpreter cannot be started, or no trace came of it.
    """
    assert which.python is not None
    recorder = out.resolve().with_name("record_tf1.py")
    recorder.write_text(source(), encoding="utf-8")
    options = [*options, str(out.resolve())]
    command = [which.python, *which.flags, str(recorder), *options, *which.arguments]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**tf115_environment(), **quiet}
    try:
        process = subprocess.run(
            command, cwd=which.folder, env=environment, capture_output=True, text=True
        )
    except OSError as error:
        raise UsageError(f"{flag}: cannot start {which.python}: {error.strerror}") from error
    trace = opened(out) if out.is_file() else None
    if trace is None or not len(trace.steps):
        said = process.stderr.strip() or process.stdout.strip() or "it printed nothing"
        last = [line for line in said.splitlines() if not line.startswith("record: ")][-1:]
        raise UsageError(
            f"{flag} {shown(which)}: no step was recorded (exit code {process.returncode}): "
            f"{shown(last[0] if last else 'it made no update that could be seen')}"
        )
    return trace


def opened(path: Path) -> Trace:
    """Opens a trace.

    Raises:
        UsageError: it is missing, damaged or no trace.
    """
    try:
        return read_trace(path)
    except TraceFileError as error:
        raise UsageError(str(error)) from error
