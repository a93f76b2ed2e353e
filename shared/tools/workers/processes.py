"""Starts the processes of a cluster, each from a new interpreter."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shared.errors import UsageError
from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class Process(Protocol):
    """What a launcher asks of a process that was started."""

    pid: int

    @property
    def output(self) -> int:
        """The descriptor that its standard output can be read from."""

    def poll(self) -> int | None:
        """Returns None while it runs; then its exit code, or minus the signal that ended it."""


class Interpreter:
    """`python -m STYLE.several_workers`, as one would start it on a machine of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], errors: Path):
        """Starts it; its standard error goes to a file."""
        with errors.open("wb") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=file,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which ends all
                preexec_fn=die_with_parent(),
            )
        self.pid = self._process.pid

    @property
    def output(self) -> int:
        """Returns the descriptor of its standard output."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def poll(self) -> int | None:
        """Returns None while it runs, then its exit code."""
        return self._process.poll()


def die_with_parent() -> Callable[[], None] | None:
    """Returns what lets a child be killed when its parent is, where the system (Linux) can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    return ask


def interpreter(release: str) -> tuple[str, dict[str, str]]:
    """Returns the Python of a release of TensorFlow and the environment that it needs.

    Args:
        release: "2.21" for the TensorFlow of this process, "1.15" for real TensorFlow 1.15.

    Raises:
        UsageError: TensorFlow 1.15 is not installed.
    """
    if release != "1.15":
        return sys.executable, dict(os.environ)
    if not TF115_PYTHON.exists():
        raise UsageError("--tensorflow 1.15: expected TensorFlow 1.15 (`make tf115`), found none")
    return str(TF115_PYTHON), tf115_environment()
