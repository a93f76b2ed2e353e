"""The program around a pair of scripts that reads old files and prints what it makes of them."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from typing import Callable, Mapping, Sequence

import numpy as np

from shared.errors import CheckpointError, SuiteError, UsageError
from shared.program.display import one_line

Results = Mapping[str, np.ndarray]


def print_sections(
    description: str,
    old_model: Callable[..., str],
    sections: Sequence[Callable[[str], Results]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Prints the results of every section.

    Args:
        description: the text of `--help`.
        old_model: returns the path of the old checkpoint in a folder, which `--old` names. If it
            has a second argument `trained`, there is a flag of that name for it.
        sections: each returns arrays by name from the path of the old checkpoint.
        arguments: the flags, or None for those of the command line.

    Returns:
        The exit code: 2 after one line that says what cannot be used.
    """
    has_trained = "trained" in inspect.signature(old_model).parameters
    flags = vars(_flags(description, has_trained).parse_args(arguments))
    try:
        if flags.get("trained") and not os.path.exists(flags["trained"] + ".index"):
            raise UsageError(f"--trained: expected a checkpoint, found none at {flags['trained']}")
        _print(sections, old_model(flags.pop("old"), **flags))
    except (SuiteError, OSError, ValueError) as error:  # a ValueError of TensorFlow: names, shapes
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 2
    return 0


def _print(sections: Sequence[Callable[[str], Results]], path: str) -> None:
    for section in sections:
        try:
            results = section(path)
        except Exception as error:
            if not _is_of_files(error):
                raise
            expected = "expected the files of one old model, unharmed"
            raise CheckpointError(f"{path}: {expected}; found: {str(error)[:300]}") from error
        print(section.__name__.replace("_", " "))
        for name, values in results.items():
            print(f"  {name:<15} {values.shape!s:<18} {_in_short(name, values)}")


def _is_of_files(error: Exception) -> bool:
    """Whether files that are missing, damaged or of another model may have raised it."""
    # By its module: TensorFlow is not imported here.
    by_tensorflow = type(error).__module__.split(".")[0].startswith(("tensorflow", "google"))
    return by_tensorflow or isinstance(error, (AssertionError, KeyError, OSError, ValueError))


def _flags(description: str, has_trained: bool) -> argparse.ArgumentParser:
    as_written = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=as_written)
    folder = "folder of the old model's files (default: %(default)s)"
    parser.add_argument("--old", default="checkpoints/transfer", metavar="FOLDER", help=folder)
    if has_trained:
        trained = "checkpoint of the pair cnn to make the old files from (default: train a little)"
        parser.add_argument("--trained", metavar="CHECKPOINT", help=trained)
    return parser


def _in_short(name: str, values: np.ndarray) -> str:
    if name == "losses":
        return f"{values[0]:.6f} to {values[-1]:.6f}"
    return f"mean square {np.square(values, dtype=np.float64).mean():.6f}"
