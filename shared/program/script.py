"""What a script of a pair does that trains in several ways and takes no settings."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Any, Callable, Mapping, Sequence

from shared.errors import SuiteError
from shared.program.display import one_line

Training = Callable[[str, int], Mapping[str, Any]]


def run_sections(
    description: str | None,
    sections: Sequence[tuple[Training, int]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Trains in every way, each in a folder that is removed afterwards, and prints the numbers.

    Args:
        description: the script's docstring.
        sections: a function that takes a folder and the step to train until, and that step. The
            same function gets the same folder again. It returns `logged`, a list of losses, `kept`,
            the steps of the checkpoints in the folder, and maybe `evaluations`: loss and accuracy
            by step.
        arguments: the command line without the program's name; by default `sys.argv`.

    Returns:
        The exit code: 0, or 2 where a section cannot run; the sections before it are printed.
    """
    as_written = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=description, formatter_class=as_written).parse_args(
        arguments
    )
    with tempfile.TemporaryDirectory() as folder:
        for train, last_step in sections:
            print(f"{train.__name__} until step {last_step}", flush=True)
            try:
                _show(train(os.path.join(folder, train.__name__), last_step))
            except SuiteError as error:
                print(f"error: {one_line(str(error))}", file=sys.stderr)
                return 2
    return 0


def _show(found: Mapping[str, Any]) -> None:
    print("  losses logged: " + ", ".join(f"{loss:.4f}" for loss in found["logged"]))
    for step, numbers in sorted(found.get("evaluations", {}).items()):
        print("  step {}: loss {loss:.4f}, accuracy {accuracy:.4f}".format(step, **numbers))
    print("  checkpoints kept: " + ", ".join(map(str, found["kept"])))
