"""Runs a module of the suite in a process of its own: under real TensorFlow 1.15, or on a GPU."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.errors import SuiteError

ROOT = Path(__file__).resolve().parents[2]
TF115_PYTHON = ROOT / ".venv-tf115" / "bin" / "python"


def tf115_environment() -> dict[str, str]:
    """The environment of this process, less TF2_BEHAVIOR.

    TensorFlow 2 sets that variable when it loads; 1.15 would obey it.
    """
    return {name: value for name, value in os.environ.items() if name != "TF2_BEHAVIOR"}


def run_module(
    python: str,
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    expected: str,
) -> str:
    """Runs `python -m module` in the suite's folder; returns what it printed.

    Raises:
        SuiteError: the process failed; the message names what was `expected` and its last line.
    """
    process = subprocess.run(
        [python, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if process.returncode != 0:
        last_line = (process.stderr.strip() or "no message").splitlines()[-1]
        raise SuiteError(f"{python}: expected {expected}, found: {last_line}")
    return process.stdout
