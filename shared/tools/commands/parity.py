"""`pairs parity`: every model under every runtime, compared with the Session."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.atomic_files import check_file, write_text
from shared.errors import TraceError, UsageError
from shared.models import PAIRS, pairs_named
from shared.program.settings import count

if TYPE_CHECKING:
    from shared.models import Pair
    from shared.tools.parity.matrix import Row

_EPILOG = """\
runtimes:
  session     the same Session program once more: equal bits
  function    tf.function, one call a step: equal bits
  many-steps  tf.function, many steps a call: equal bits
  eager       no graph, fewer steps: equal bits
  keras       tf.function with Keras's Adam or SGD: bounded
  xla         compiled by XLA, the noise of dropout fed: bounded
  tf115       real TensorFlow 1.15, where `make tf115` has built it: bounded
  gpu         tf.function on a GPU without TF32, where there is one: bounded

exit code:
  0  every row is bitwise equal or within its bound; skipped rows say why
  1  a row is not
  2  a flag or argument cannot be used
"""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `parity`."""
    parser = subparsers.add_parser(
        "parity",
        help="compare every model under every runtime with the Session",
        description=(
            "Trains each model in a compat.v1 Session and under every other runtime, and\n"
            "compares losses, gradients, optimizer slots and variables at every step."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(PAIRS)} (default: all)"
    )
    parser.add_argument(
        "--runtime",
        action="append",
        metavar="NAME",
        help="only this runtime; may be repeated (default: all)",
    )
    parser.add_argument(
        "--steps",
        type=count,
        metavar="N",
        help=f"steps of each model (default: {_default_steps()})",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    parser.add_argument(
        "--renew",
        action="store_true",
        help="put the matrix into README.md, docs/parity.md and docs/parity.json",
    )
    parser.set_defaults(execute=execute)


def _default_steps() -> str:
    return ", ".join(f"{name} {pair.parity.steps}" for name, pair in PAIRS.items())


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 1 when a row differs by more than it may."""
    pairs = pairs_named(arguments.models)
    if arguments.json:
        check_file(arguments.json, "--json")  # before minutes of training, not after them
    if arguments.renew and (arguments.models or arguments.runtime or arguments.steps):
        raise UsageError("--renew: expected the whole matrix, found MODEL, --runtime or --steps")
    import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
    from shared.tools.parity import printed, report
    from shared.tools.parity.other_processes import keep_this_process_on_cpu
    from shared.trace_recorder import TraceFileError

    if arguments.renew:
        printed.check_places()
    keep_this_process_on_cpu()
    runtimes = _runtimes(arguments.runtime)
    try:
        rows = _measure(pairs, runtimes, arguments.steps)
    except TraceFileError as error:
        raise TraceError(str(error)) from error
    if arguments.json:
        write_text(arguments.json, report.to_json(rows), "--json")
    if arguments.renew:
        why_not = printed.why_not_renew(rows)
        print(f"not renewed: {why_not}" if why_not else f"renewed {', '.join(printed.renew(rows))}")
    return 1 if any(row.is_broken for row in rows) else 0


def _runtimes(names: list[str] | None) -> list[str]:
    from shared.tools.parity.matrix import RUNTIMES

    for name in names or ():
        if name not in RUNTIMES:
            raise UsageError(f"--runtime: expected one of {', '.join(RUNTIMES)}; found {name!r}")
    return [name for name in RUNTIMES if not names or name in names]


def _measure(pairs: list[Pair], runtimes: list[str], steps: int | None) -> list[Row]:
    """Measures the rows, shows those of each model, and returns them model by model."""
    from rich.console import Console

    from shared.tools.parity import report
    from shared.tools.parity.matrix import REFERENCE
    from shared.tools.parity.measuring import measure

    console = Console(width=min(Console().width, 80))
    measured: dict[str, list[Row]] = {pair.name: [] for pair in pairs}
    with (
        tempfile.TemporaryDirectory(prefix="parity-") as folder,
        contextlib.closing(measure(pairs, runtimes, steps, Path(folder))) as rows,
        console.status(f"{', '.join(measured)} against {REFERENCE}") as status,
    ):
        for row in rows:
            of_model = measured[row.model]
            of_model.append(row)
            status.update(f"{row.model}: {row.candidate} done{_left(measured, runtimes)}")
            if len(of_model) == len(runtimes):
                report.show(of_model, console)
    return [row for of_model in measured.values() for row in of_model]


def _left(measured: dict[str, list[Row]], runtimes: list[str]) -> str:
    names = [name for name, rows in measured.items() if len(rows) < len(runtimes)]
    return f"; left: {', '.join(names)}" if len(measured) > 1 else ""
