"""Runs the programs of tests/files/programs, alone and under the recorder."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path

import forked_python
from shared.tools.child_process import tf115_environment
from shared.tools.record.command import add_options
from shared.tools.record.one_file import source
from shared.tools.record.session import Recording
from shared.trace_recorder import Trace, read_trace

PROGRAMS = Path(__file__).resolve().parents[1] / "files" / "programs"


def run(python: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Runs a program in a fork of a process that has imported TensorFlow."""
    return forked_python.run([python, "-W", "ignore", *words], env=tf115_environment())


def recorded(
    tmp_path: Path, python: str, program: str, *options: str, arguments: Sequence[str] = ()
) -> tuple[Trace, str]:
    """Records a program that must end well; returns its trace and what it printed.

    Args:
        tmp_path: for the recorder and the trace; made where it is missing.
        python: the interpreter.
        program: a name of tests/files/programs, without .py.
        options: of the recorder.
        arguments: of the program.
    """
    tmp_path.mkdir(exist_ok=True)
    one_file, out = tmp_path / "record_tf1.py", tmp_path / "trace.npz"
    one_file.write_text(source(), encoding="utf-8")
    done = run(python, one_file, *options, out, PROGRAMS / f"{program}.py", *arguments)
    assert done.returncode == 0, done.stderr
    return read_trace(out), done.stdout


def recording(path: Path, *flags: str) -> Recording:
    """Returns what the hooks of a program share, without a program: its trace, at step 0."""
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args([*flags])
    vars(options).update(out=str(path), script="a.py", arguments=[])
    return Recording(options)
