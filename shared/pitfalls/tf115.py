"""Runs the TF1-style half of pitfalls under real TensorFlow 1.15, which `make tf115` installs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.pitfalls.pitfall import Measured

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-tf115" / "bin" / "python"
NOT_MEASURED = "not measured: make tf115"


def measure(names: Sequence[str], python: Path = PYTHON) -> dict[str, Measured]:
    """What each pitfall's `tf1` measures under TensorFlow 1.15, all of them in one process.

    Args:
        names: names of pitfalls.
        python: the interpreter that has TensorFlow 1.15.

    Returns:
        By name: value by quantity.

    Raises:
        SuiteError: the process failed; the message holds its last line.
    """
    command = [str(python), "-m", "shared.pitfalls.tf115", *names]
    # TensorFlow 2 sets TF2_BEHAVIOR when it loads; 1.15 would obey it.
    environment = {name: value for name, value in os.environ.items() if name != "TF2_BEHAVIOR"}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if process.returncode != 0:
        last_line = (process.stderr.strip() or "no message").splitlines()[-1]
        raise SuiteError(f"{python}: expected numbers from TensorFlow 1.15, found: {last_line}")
    measured: dict[str, Measured] = json.loads(process.stdout)
    return measured


def main(names: Sequence[str]) -> None:
    """Writes what `measure` returns as JSON to standard output."""
    import shared.quiet  # noqa: F401  TensorFlow without its chatter
    from shared.pitfalls import CATALOGUE

    wanted = [pitfall for pitfall in CATALOGUE if pitfall.name in names]
    json.dump({pitfall.name: pitfall.tf1() for pitfall in wanted}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
