"""`pairs compare`: two traces, compared number by number."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.atomic_files import check_outputs, write_text, write_whole
from shared.errors import TraceError, UsageError

if TYPE_CHECKING:
    from shared.tools.compare.equality import Criterion
    from shared.tools.compare.result import Comparison

_PICTURES = (".png", ".svg", ".pdf")
_EPILOG = """\
exit code:
  0  equal
  1  differs, or has steps that the other lacks (see --common-steps)
  2  cannot be compared (other batches, tensors, shapes or dtypes, NaN in one),
     or a file or flag cannot be used

A trace is what --trace FILE of a style script records, or any other code with a
copy of shared/trace_recorder.py:
  python -m tf1_style.cnn train --steps 100 --trace old.npz
  python -m tf2_style.cnn train --steps 100 --optimizer tf1 --trace new.npz
  pairs compare old.npz new.npz
"""


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `compare`."""
    parser = subparsers.add_parser(
        "compare",
        help="compare two recorded runs number by number",
        description=(
            "Compares the traces of two runs and names the first step, stage and tensor\n"
            "that differ, in causal order: initial values, batch, logits, loss, gradients,\n"
            "slots, variables. Shows how the difference grows, and names usual suspects."
        ),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A.npz", help="trace of the reference")
    parser.add_argument("b", metavar="B.npz", help="trace to compare with it")
    _add_rules(parser)
    parser.add_argument(
        "--stages",
        metavar="LIST",
        help="compare only these: initial,batch,logits,loss,gradient,slot,variable (default: all)",
    )
    parser.add_argument(
        "--ignore",
        metavar="PATTERN",
        action="append",
        default=[],
        help="leave out tensors whose STAGE/NAME is like this, such as '*slot/beta?_power'; "
        "may be repeated",
    )
    parser.add_argument(
        "--common-steps",
        action="store_true",
        help="accept that one trace has more steps: compare those that both have",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the growth: .png, .svg or .pdf")
    parser.add_argument(
        "--json", metavar="FILE", help="write the result as JSON; - prints it instead of the text"
    )
    parser.set_defaults(execute=execute)


def _add_rules(parser: argparse.ArgumentParser) -> None:
    rules = parser.add_argument_group("what counts as equal (choose one rule)")
    rules.add_argument("--bitwise", action="store_true", help="the same bits (default)")
    rules.add_argument(
        "--rtol", type=float, metavar="R", help="|B - A| <= ATOL + R * |A| for each element"
    )
    rules.add_argument("--atol", type=float, metavar="A", help="see --rtol; either defaults to 0")
    rules.add_argument(
        "--max-ulp",
        type=int,
        metavar="N",
        help="each element at most N representable numbers apart",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command."""
    from shared.tools.compare.traces import compare
    from shared.trace_recorder import TraceFileError, read_trace

    criterion, stages = _criterion(arguments), _stages(arguments.stages)
    _check_picture(arguments.plot)
    check_outputs(arguments, "json", "plot")
    try:
        with read_trace(arguments.a) as a, read_trace(arguments.b) as b:
            comparison = compare(a, b, criterion, stages, arguments.ignore, arguments.common_steps)
            metas = a.meta, b.meta
    except TraceFileError as error:
        raise TraceError(str(error)) from error
    if arguments.json == "-":
        json.dump(comparison.to_json(), sys.stdout, indent=2)
        print()
    else:
        _print(comparison, metas)
    if arguments.json not in (None, "-"):
        text = json.dumps(comparison.to_json(), indent=2) + "\n"
        write_text(Path(arguments.json), text, "--json")
    if arguments.plot is not None:
        _plot(comparison, arguments.plot)
    return comparison.exit_code


def _criterion(arguments: argparse.Namespace) -> Criterion:
    from shared.tools.compare.equality import Criterion

    by_tolerance = arguments.rtol is not None or arguments.atol is not None
    by_ulp = arguments.max_ulp is not None
    if arguments.bitwise + by_tolerance + by_ulp > 1:
        raise UsageError("--bitwise, --rtol with --atol, --max-ulp: expected one rule, found more")
    if by_ulp:
        return Criterion.ulp(arguments.max_ulp)
    if by_tolerance:
        return Criterion.tolerance(arguments.rtol or 0.0, arguments.atol or 0.0)
    return Criterion()


def _stages(text: str | None) -> tuple[str, ...]:
    from shared.trace_recorder import STAGES

    if text is None:
        return STAGES
    chosen = tuple(text.split(","))
    unknown = [stage for stage in chosen if stage not in STAGES]
    if unknown:
        raise UsageError(f"--stages: expected some of {','.join(STAGES)}, found {unknown[0]!r}")
    return chosen


def _check_picture(path: str | None) -> None:
    if path is not None and not path.lower().endswith(_PICTURES):
        raise UsageError(f"--plot {path}: expected a name that ends in {', '.join(_PICTURES)}")


def _print(comparison: Comparison, metas: tuple[dict[str, Any], dict[str, Any]]) -> None:
    from rich.console import Console

    from shared.tools.compare.report import growth_table, lines

    console = Console()
    for line in lines(comparison, metas):
        indent = " " * (len(line) - len(line.lstrip()))
        print(
            textwrap.fill(
                line.lstrip(),
                max(console.width, 60),
                initial_indent=indent,
                subsequent_indent=indent + "  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    table = growth_table(comparison)
    if table is not None:
        console.print(table)


def _plot(comparison: Comparison, path: str) -> None:
    from shared.tools.compare.report import has_growth, plot_growth

    if not has_growth(comparison):
        print(f"--plot: no difference to draw; {path} is not written", file=sys.stderr)
        return
    write_whole(Path(path), lambda partial: plot_growth(comparison, str(partial)), "--plot")
