"""`pairs record`: records a program that nobody prepared."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.atomic_files import write_text
from shared.errors import UsageError
from shared.program.display import shown
from shared.program.ending import end
from shared.tools.child_process import tf115_environment
from shared.tools.record.command import add_options
from shared.tools.record.one_file import source
from shared.tools.record.python_words import read
from shared.trace_recorder import read_trace


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `record`."""
    parser = subparsers.add_parser(
        "record",
        help="record a TensorFlow program without an edit",
        description=(
            "Runs a program under its own Python with the recorder inside, and writes its trace. "
            "With --write it writes the recorder as one file, which runs on another machine: "
            "python record_tf1.py OUT.npz train.py [ARGS...]"
        ),
    )
    parser.add_argument("--out", default="trace.npz", metavar="FILE.npz", help="the trace")
    parser.add_argument("--write", metavar="FILE.py", help="write the one file; run nothing")
    add_options(parser)
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="-- PYTHON SCRIPT [ARGS...]")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns the program's exit code."""
    if arguments.write:
        write_text(Path(arguments.write), source(), "--write")
        return 0
    program = [word for i, word in enumerate(arguments.program) if i or word != "--"]
    if len(program) < 2:
        raise UsageError("expected `-- python train.py [ARGS...]`, found no Python and program")
    words = read(program[1:], "--")
    with tempfile.TemporaryDirectory() as folder:
        recorder = Path(folder, "record_tf1.py")
        write_text(recorder, source(), "temporary file")
        options = [*_options(arguments), arguments.out]
        command = [program[0], *words.flags, str(recorder), *options, *words.program]
        before = _changed(arguments.out)
        try:
            code = _call(command)
        except OSError as error:
            raise UsageError(f"{program[0]}: expected a Python, found: {error.strerror}") from error
    if _changed(arguments.out) not in (None, before):
        _report(arguments.out)
    return code


def _call(command: Sequence[str]) -> int:
    """Runs a program; when this is stopped, as by Ctrl-C, lets the program complete its trace."""
    process = subprocess.Popen(command, env=_environment())
    try:
        return process.wait()
    except BaseException:
        end(process, signal.SIGINT)
        raise


def _changed(path: str) -> tuple[int, int] | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns


def _report(path: str) -> None:
    """Says on standard error what the trace holds, and whether its gradients were the applied."""
    with read_trace(path) as trace:
        told = trace.meta["flags"].get("recorder", {})
        tensors, steps = len(trace.tensors), len(trace.steps)
    print(f"record: {shown(path)}: {steps} steps, {tensors} tensors", file=sys.stderr)
    checked, wrong = told.get("gradients_checked", []), told.get("gradients_not_applied", [])
    if checked:
        print(
            f"record: {len(checked) - len(wrong)} of {len(checked)} gradients are the ones "
            "applied, by the law of their optimizer",
            file=sys.stderr,
        )


def _environment() -> dict[str, str]:
    return {**tf115_environment(), "PYTHONUNBUFFERED": os.environ.get("PYTHONUNBUFFERED", "")}


def _options(arguments: argparse.Namespace) -> list[str]:
    words = ["--keep-batches"] if arguments.keep_batches else []
    for name in ("steps", "every", "stride", "start_from", "batches_from", "noise", "perturb"):
        value = getattr(arguments, name)
        if value is not None:
            words += ["--" + name.replace("_", "-"), str(value)]
    return words
