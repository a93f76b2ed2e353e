"""Where the tests find real TensorFlow 1.15, and what they do without it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import forked_python
from shared.tools.child_process import tf115_environment

ROOT = Path(__file__).resolve().parents[2]
MISSING = "real TensorFlow 1.15 is not here: `make tf115` builds it"


def tf115_python(root: Path = ROOT) -> Path | None:
    """The Python 3.7 of `.venv-tf115` in `root`, or None where that environment is not built."""
    python = root / ".venv-tf115" / "bin" / "python"
    return python if os.access(python, os.X_OK) else None


def require_tf115(root: Path = ROOT) -> Path:
    """The path of `tf115_python`; without it the test skips, or fails when REQUIRE_TF115=1."""
    python = tf115_python(root)
    if python is not None:
        return python
    if os.environ.get("REQUIRE_TF115") == "1":
        pytest.fail(f"REQUIRE_TF115=1, but {MISSING}")
    pytest.skip(MISSING)


def run_tf115(name: str, *arguments: str) -> str:
    """Runs a file of tf1_style under 1.15; returns its output, and fails on any error output."""
    done = forked_python.run(
        [require_tf115(), "-m", f"tf1_style.{name}", *arguments], env=tf115_environment()
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout
