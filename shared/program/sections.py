"""The program around a pair of scripts that prints what each of its sections comes to."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import tempfile
from typing import Any, Callable, Iterator, Mapping, Sequence

import numpy as np

from shared.checkpoints import check_folder
from shared.checkpoints.errors import reason_of
from shared.errors import CheckpointError, UsageError
from shared.program.command_line import exit_code_of

Results = Mapping[str, np.ndarray]
Training = Callable[[str, int], Mapping[str, Any]]


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
    return exit_code_of(lambda: _print_all(old_model, sections, **flags))


def _print_all(
    old_model: Callable[..., str], sections: Sequence[Callable[[str], Results]], **flags: Any
) -> None:
    trained = flags.get("trained")
    if trained and not os.path.exists(trained + ".index"):
        raise UsageError(f"--trained: expected a checkpoint, found none at {trained}")
    folder = flags.pop("old")
    if "trained" in flags:  # it writes the old files
        check_folder(folder, "--old")
    try:
        with _full_disks(f"--old {folder}"):
            path = old_model(folder, **flags)
    except ValueError as error:  # of TensorFlow: names, shapes
        raise UsageError(str(error)) from error
    _print(sections, path)


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


@contextlib.contextmanager
def _full_disks(what: str) -> Iterator[None]:
    """Turns an error of Python's or of TensorFlow's that a disk is full, say, into one line."""
    try:
        yield
    except Exception as error:
        # By its name: TensorFlow is not imported here.
        if not isinstance(error, OSError) and type(error).__name__ != "ResourceExhaustedError":
            raise
        raise UsageError(f"{what}: cannot be written: {reason_of(error)}") from error


def _is_of_files(error: Exception) -> bool:
    """Whether files that are missing, damaged or of another model may have raised it."""
    # By its module: TensorFlow is not imported here.
    by_tensorflow = type(error).__module__.split(".")[0].startswith(("tensorflow", "google"))
    return by_tensorflow or isinstance(error, (AssertionError, KeyError, OSError, ValueError))


def _flags(description: str, has_trained: bool) -> argparse.ArgumentParser:
    parser = _parser(description)
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
    _parser(description).parse_args(arguments)
    return exit_code_of(lambda: _train(sections))


def _train(sections: Sequence[tuple[Training, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for train, last_step in sections:
            print(f"{train.__name__} until step {last_step}", flush=True)
            with _full_disks(f"temporary folder {folder}"):
                found = train(os.path.join(folder, train.__name__), last_step)
            _show(found)


def _show(found: Mapping[str, Any]) -> None:
    print("  losses logged: " + ", ".join(f"{loss:.4f}" for loss in found["logged"]))
    for step, numbers in sorted(found.get("evaluations", {}).items()):
        print("  step {}: loss {loss:.4f}, accuracy {accuracy:.4f}".format(step, **numbers))
    print("  checkpoints kept: " + ", ".join(map(str, found["kept"])))


def _parser(description: str | None) -> argparse.ArgumentParser:
    as_written = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(description=description, formatter_class=as_written)
