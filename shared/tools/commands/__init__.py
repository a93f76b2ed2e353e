"""The console command `pairs`: one module of this package for each sub-command."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import sys
from collections.abc import Sequence

from shared.errors import SuiteError
from shared.program.broken_pipe import run_until_closed
from shared.program.display import one_line
from shared.program.progress import Stopped
from shared.tools.child_process import ROOT

# In the order that `pairs --help` shows them.
_COMMANDS = [
    "run",
    "diff",
    "scan",
    "lookup",
    "parity",
    "bench",
    "workers",
    "compare",
    "record",
    "check",
    "pitfalls",
    "checkpoint",
    "export",
    "guide",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `pairs`; returns the exit code, which is 2 when something given cannot be used."""
    return run_until_closed(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(
        prog="pairs", description="The same models in TensorFlow 1 and TensorFlow 2 style."
    )
    parser.add_argument("--version", action="store_true", help="print the version and end")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in _COMMANDS:
        importlib.import_module(f"shared.tools.commands.{command}").add_parser(subparsers)
    parsed = parser.parse_args(arguments)
    if parsed.version:
        print(f"pairs {_version('tf1-tf2-pairs')} (TensorFlow {_version('tensorflow')})")
        return 0
    if "execute" not in parsed:
        parser.print_help()
        return 0
    try:
        _require_clone()
        return parsed.execute(parsed)
    except SuiteError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f"stopped at step {stopped.step}, saved to {stopped.path}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        return 130


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "of a copy that is not installed"


def _require_clone() -> None:
    """Raises SuiteError in a copy of the packages alone: the guide, say, is no part of them."""
    if not (ROOT / "pyproject.toml").exists():
        raise SuiteError(
            f"{ROOT}: expected a clone of the repository, found a copy of its packages; in a "
            "clone, `make` or `pip install -e .` installs this command"
        )
