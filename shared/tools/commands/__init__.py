"""The console command `pairs`: one module of this package for each sub-command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from shared.errors import SuiteError
from shared.program.broken_pipe import run_until_closed
from shared.program.progress import Stopped

# In the order that `pairs --help` shows them.
_COMMANDS = [
    "run",
    "diff",
    "scan",
    "lookup",
    "parity",
    "bench",
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
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        importlib.import_module(f"shared.tools.commands.{command}").add_parser(subparsers)
    parsed = parser.parse_args(arguments)
    try:
        return parsed.execute(parsed)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f"stopped at step {stopped.step}, saved to {stopped.path}", file=sys.stderr)
        return 130
    except KeyboardInterrupt:
        return 130
