"""`pairs check`: an old program and its port, run side by side and compared."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shared.atomic_files import check_file, check_outputs, write_text
from shared.errors import TraceError, UsageError
from shared.program.display import shown

if TYPE_CHECKING:
    from shared.tools.check.experiments import Experiments
    from shared.tools.check.outcome import Outcome
    from shared.tools.check.runs import Program
    from shared.trace_recorder import Trace

_EPILOG = """\
exit code:
  0  equal, bit for bit or within what rounding explains
  1  differs: the first step and tensor, and the likely cause, are named
  2  a program, file or flag cannot be used
  3  not comparable: the start, the batches or the random numbers differ, or the
     runs have no step or no variable in common; nothing is said about the model

  pairs check --old "python train_tf1.py" --old-python ./tf115/bin/python \\
              --new "python train_tf2.py" --start-from old --batches-from old
  pairs check --old old.npz --new new.npz
"""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `check`."""
    parser = subparsers.add_parser(
        "check",
        help="check a port against the program that it replaces",
        description=(
            "Records an old program and its port, without an edit to either, matches their\n"
            "variables, measures what one rounding does, and says: equal, equal within\n"
            "rounding, or the first step and tensor that differ and the likely cause."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for side, what in (("old", "TensorFlow 1"), ("new", "TensorFlow 2")):
        parser.add_argument(
            f"--{side}",
            metavar="COMMAND",
            help=f'the {what} program, such as "python train.py --flag", or its trace NAME.npz',
        )
        parser.add_argument(f"--{side}-python", metavar="FILE", help="interpreter to run it by")
        parser.add_argument(f"--{side}-folder", metavar="DIR", help="folder to run it in")
    _add_conditions(parser)
    parser.add_argument("--steps", type=int, default=10, metavar="N", help="record N (default: 10)")
    parser.add_argument(
        "--reruns",
        type=int,
        default=3,
        metavar="N",
        help="runs that measure what one rounding does (default: 3; 0: use a fixed tolerance)",
    )
    parser.add_argument("--map", metavar="FILE", help="TOML that says which variable is which")
    parser.add_argument("--write-map", metavar="FILE", help="write the matches found, to correct")
    parser.add_argument("--keep", metavar="DIR", help="keep the traces in this folder")
    parser.add_argument(
        "--json", metavar="FILE", help="write the result as JSON; - prints it instead of the text"
    )
    parser.set_defaults(execute=execute)


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    same = parser.add_argument_group("the same start and batches")
    same.add_argument(
        "--start-from",
        metavar="old",
        help="initial values of the new program: old, or FILE",
    )
    same.add_argument(
        "--batches-from", metavar="old", help="batches of the new program: old, or FILE"
    )
    same.add_argument(
        "--noise-from",
        choices=["old"],
        help="random operations of both programs draw the same numbers, dropout included",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command."""
    from shared.trace_recorder import TraceFileError

    if arguments.old is None or arguments.new is None:
        raise UsageError("expected --old and --new, found not both")
    for flag in ("steps", "reruns"):
        value = getattr(arguments, flag)
        if value < (flag == "steps"):
            raise UsageError(f"--{flag}: expected a number of runs or steps, found {value}")
    check_outputs(arguments, "json", "write_map")  # before the programs run, which may take long
    with tempfile.TemporaryDirectory(prefix="pairs-check-") as temporary:
        folder = _made(arguments.keep) if arguments.keep else Path(temporary)
        try:
            outcome = _check(arguments, folder)
        except TraceFileError as error:
            raise TraceError(str(error)) from error
    _show(outcome, arguments)
    return outcome.exit_code


def _made(keep: str) -> Path:
    """Makes the folder of --keep, if it is not there."""
    folder = Path(keep)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--keep {keep}: expected a folder, found: {error.strerror}") from error
    check_file(folder / "old.npz", "--keep")
    return folder


def _check(arguments: argparse.Namespace, folder: Path) -> Outcome:
    from shared.tools.check.matching import read_map
    from shared.tools.check.outcome import check
    from shared.tools.check.runs import opened, program

    old = program(arguments.old, arguments.old_python, arguments.old_folder, "--old")
    new = program(arguments.new, arguments.new_python, arguments.new_folder, "--new")
    given = read_map(arguments.map) if arguments.map else {}
    steps = arguments.steps
    if old.is_trace:  # beyond its end there is nothing to compare
        recorded = opened(old.folder / old.arguments[0])
        steps = min(steps, len(recorded.steps)) or steps
    base = ["--steps", str(steps), "--every", "1"]
    if arguments.noise_from is not None:
        base += ["--noise", _noise_seed(old)]
    trace_old = _trace(old, folder / "old.npz", [*base, "--keep-batches"], "--old")
    options = list(base)
    for name in ("start_from", "batches_from"):
        source = getattr(arguments, name)
        if source is not None:
            path = trace_old.path if source == "old" else source
            if name == "start_from" and not new.is_trace:
                path = _start_file(new, trace_old if source == "old" else None, path, given, folder)
            options += [f"--{name.replace('_', '-')}", str(Path(path).resolve())]
    trace_new = _trace(new, folder / "new.npz", options, "--new")
    options_new = options
    outcome = check(trace_old, trace_new, given)
    if outcome.condition is not None:  # reruns would not change it
        return _with_map(outcome, arguments)
    if not old.is_trace:
        own = Path(trace_old.path).resolve()
        options = [*base, "--start-from", str(own), "--batches-from", str(own)]
    measured = old if not old.is_trace else new
    reruns = _reruns(measured, options, arguments.reruns, folder)
    of_old, of_new = ([], reruns) if old.is_trace else (reruns, [])
    tried = None
    if not new.is_trace:
        tried = _experiments(new, (trace_old, trace_new), given, (of_old, of_new), options_new)
    outcome = check(
        trace_old,
        trace_new,
        given,
        old_reruns=of_old,
        new_reruns=of_new,
        experiments=tried,
        last_resort=True,
    )
    return _with_map(outcome, arguments)


def _with_map(outcome: Outcome, arguments: argparse.Namespace) -> Outcome:
    from shared.tools.check.matching import map_text

    if arguments.write_map:
        write_text(Path(arguments.write_map), map_text(outcome.matching), "--write-map")
    return outcome


def _experiments(
    new: Program,
    traces: tuple[Trace, Trace],
    given: dict[str, str],
    reruns: tuple[list[Trace], list[Trace]],
    options: list[str],
) -> Experiments:
    """Returns what runs the new program for one step from an altered start."""
    import numpy as np

    from shared.tools.check.experiments import Experiments
    from shared.tools.check.matching import match, rename
    from shared.tools.check.outcome import tolerance_of
    from shared.tools.compare.values import Values

    a, b = (Values(trace) for trace in traces)
    matching = match(a, b, given)
    renamed = Values(rename(a, b, matching))

    def rerun(start: Mapping[str, np.ndarray]) -> Values:
        with tempfile.TemporaryDirectory(prefix="pairs-check-") as folder:
            dtypes = {n: b.dtype("variable", n) for n in matching.names.values()}
            values = {
                matching.names[n]: v.astype(dtypes[matching.names[n]]) for n, v in start.items()
            }
            np.savez(Path(folder) / "start.npz", **cast(Any, values))
            # Of an option given twice the recorder takes the last.
            own = [*options, "--steps", "1", "--start-from", str(Path(folder) / "start.npz")]
            trace = _trace(new, Path(folder) / "tried.npz", own, "--experiment")
            return Values(rename(a, Values(trace), matching))

    tolerance = tolerance_of(a, renamed, matching, *reruns)
    return Experiments(a, renamed, tolerance, rerun)


def _noise_seed(old: Program) -> str:
    """Returns the seed of a finished trace's noise; any will do where both programs run now."""
    from shared.tools.check.runs import opened

    if not old.is_trace:
        return "1"
    path = old.arguments[0]
    told = opened(old.folder / path).meta["flags"].get("recorder", {}).get("options", {})
    if told.get("noise") is None:
        raise UsageError(
            f"--noise-from old: expected a trace recorded with --noise SEED, found {shown(path)} "
            "recorded without"
        )
    return str(told["noise"])


def _start_file(
    new: Program, old: Trace | None, path: str, given: dict[str, str], folder: Path
) -> str:
    """Writes the initial values under the new program's names, which one step of it shows."""
    import numpy as np

    from shared.tools.check.matching import match
    from shared.tools.check.runs import opened
    from shared.tools.compare.values import Values

    source = Values(old if old is not None else opened(Path(path)))
    probe = Values(_trace(new, folder / "probe.npz", ["--steps", "1", "--every", "1"], "--new"))
    start = {}
    for found in match(source, probe, given).matches:
        value = source.trace.whole("initial", f"variable/{found.a}", source.first_step() - 1)
        start[found.b] = value
    target = folder / "start.npz"
    np.savez(target, **cast(Any, start))  # whose names are those of no flag of savez
    return str(target)


def _trace(which: Program, out: Path, options: list[str], flag: str) -> Trace:
    from shared.tools.check.runs import opened, record

    if which.is_trace:
        return opened(which.folder / which.arguments[0])
    _tell(f"recording {flag[2:]}: {which}")
    return record(which, out, options, flag)


def _reruns(which: Program, options: list[str], count: int, folder: Path) -> list[Trace]:
    if which.is_trace:
        return []
    return [
        _trace(which, folder / f"moved-{seed}.npz", [*options, "--perturb", str(seed)], "--rerun")
        for seed in range(1, count + 1)
    ]


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def _show(outcome: Outcome, arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from shared.tools.check.report import lines

    text = json.dumps(outcome.to_json(), indent=2)
    if arguments.json == "-":
        print(text)
        return
    width = max(Console().width, 60)
    for line in lines(outcome):
        indent = " " * (len(line) - len(line.lstrip()))
        print(
            textwrap.fill(
                line.lstrip(),
                width,
                initial_indent=indent,
                subsequent_indent=indent + "  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    if arguments.json is not None:
        write_text(Path(arguments.json), text + "\n", "--json")
