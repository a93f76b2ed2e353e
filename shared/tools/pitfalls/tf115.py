"""Runs the TF1-style half of pitfalls under real TensorFlow 1.15, which `make tf115` installs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shared.tools.child_process import TF115_PYTHON, run_module, tf115_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.tools.pitfalls.pitfall import Measured

NOT_MEASURED = "not measured: make tf115"


def measure(names: Sequence[str], python: Path = TF115_PYTHON) -> dict[str, Measured]:
    """What each pitfall's `tf1` measures under TensorFlow 1.15, all of them in one process.

    Args:
        names: names of pitfalls.
        python: the interpreter that has TensorFlow 1.15.

    Returns:
        By name: value by quantity.

    Raises:
        SuiteError: the process failed; the message holds its last line.
    """
    output = run_module(
        str(python),
        "shared.tools.pitfalls.tf115",
        names,
        tf115_environment(),
        expected="numbers from TensorFlow 1.15",
    )
    measured: dict[str, Measured] = json.loads(output)
    return measured


def main(names: Sequence[str]) -> None:
    """Writes what `measure` returns as JSON to standard output."""
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter
    from shared.tools.pitfalls import CATALOGUE

    wanted = [pitfall for pitfall in CATALOGUE if pitfall.name in names]
    json.dump({pitfall.name: pitfall.tf1() for pitfall in wanted}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
