"""The command line of a style file: `train`, `evaluate` and `predict`, with one flag a setting."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any, Callable, Mapping, Sequence

from shared.checkpoints import check_folder
from shared.errors import CheckpointError, SuiteError
from shared.program.broken_pipe import run_until_closed
from shared.program.display import one_line
from shared.program.progress import Stopped
from shared.program.settings import metadata_of

INTERRUPTED = 130  # the shell's exit code for a program that Ctrl-C ended

_COMMANDS = {
    "train": "train, going on from the newest checkpoint if there is one",
    "evaluate": "restore the newest checkpoint and measure it",
    "predict": "restore the newest checkpoint and predict with it",
}


def run(
    description: str | None,
    config_class: Any,
    train: Callable[[Any], Any],
    evaluate: Callable[[Any], Mapping[str, float]],
    predict: Callable[[Any], Mapping[str, Sequence]],
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs one command of a style file.

    Args:
        description: the style file's docstring.
        config_class: its `Config` dataclass; every field is a flag.
        train: trains with a config; returns a `shared.program.progress.TrainingResult`.
        evaluate: returns metrics by name.
        predict: returns the columns of a table by title.
        arguments: the command line without the program's name; by default `sys.argv`.

    Returns:
        The exit code: 0, 2 when something given cannot be used, 130 when stopped by a signal.
    """
    options = vars(_parser(description, config_class).parse_args(arguments))
    command = options.pop("command")
    config = config_class(**options)
    commands = {
        "train": lambda: _train(train, config),
        "evaluate": lambda: _print_metrics(evaluate(config)),
        "predict": lambda: _print_columns(predict(config)),
    }
    return exit_code_of(commands[command])


def _train(train: Callable[[Any], Any], config: Any) -> None:
    check_folder(config.checkpoint_dir)  # before training, not after it
    if getattr(config, "log_dir", ""):  # not every script has one
        check_folder(config.log_dir, "--log-dir")
    result = train(config)
    _print_metrics(result.metrics)
    if len(result.losses):  # else nothing was trained, and nothing saved
        print("checkpoint saved in " + config.checkpoint_dir)


def exit_code_of(command: Callable[[], None]) -> int:
    """Runs a command; returns 0, 2 after one line of an error, 130 when stopped by a signal."""
    return run_until_closed(lambda: _exit_code(command))


def _exit_code(command: Callable[[], None]) -> int:
    try:
        command()
    except SuiteError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 2
    except Stopped as stopped:
        print(f"stopped at step {stopped.step}, saved to {stopped.path}")
        print("the same command goes on from there")
        if stopped.trace:
            print(f"trace of the steps until then: {stopped.trace}")
            print("name another --trace to go on: the same one would be replaced")
        return INTERRUPTED
    except KeyboardInterrupt:  # while nothing was trained, or the second one
        print("stopped without saving", file=sys.stderr)
        return INTERRUPTED
    return 0


def require_checkpoint(path: str | None, directory: str) -> str:
    """Returns `path`; CheckpointError when `restore` found nothing (it is None) in `directory`."""
    if path is None:
        raise CheckpointError(
            f"--checkpoint-dir {directory}: expected a checkpoint saved by `train`, found none"
        )
    return path


def _parser(description: str | None, config_class: Any) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    for command, help in _COMMANDS.items():
        subparser = commands.add_parser(command, help=help, description=help)
        for field in dataclasses.fields(config_class):
            metadata = metadata_of(config_class, field)
            if command == "train" or metadata["to_restore"]:
                _add_flag(subparser, field, metadata)
    return parser


def _add_flag(parser: argparse.ArgumentParser, field: Any, metadata: Any) -> None:
    choices = metadata["choices"]
    shown = "" if field.default == "" else f" (default: {field.default})"
    parser.add_argument(
        "--" + field.name.replace("_", "-"),
        type=metadata["valid"],
        choices=choices,
        metavar=None if choices else field.name.split("_")[-1].upper(),
        default=field.default,
        help=metadata["help"] + shown,
    )


def _print_metrics(metrics: Mapping[str, float]) -> None:
    for name, value in metrics.items():
        print(f"{name:<10} {value:.6g}")


def _print_columns(columns: Mapping[str, Sequence]) -> None:
    cells = [[title, *map(str, values)] for title, values in columns.items()]
    widths = [max(map(len, column)) for column in cells]
    for row in zip(*cells):
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
