"""`pairs lookup`: what became of a TensorFlow 1 symbol."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from shared.tools.lookup.index import Symbol
    from shared.tools.lookup.pair_lines import PairLine
    from shared.tools.lookup.states import State

_LABEL = 14  # columns of the labels on the left


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `lookup`."""
    parser = subparsers.add_parser(
        "lookup",
        help="say what became of a TensorFlow 1 symbol",
        description=(
            "For each SYMBOL, such as tf.placeholder, says what to write in TensorFlow 2, what "
            "changes, where the pairs show it, and whether the installed TensorFlow still has "
            "the old name, which is tried. Every public name of TensorFlow 1.15 is known. "
            "Without SYMBOL, lists by kind those with an answer of their own."
        ),
    )
    parser.add_argument(
        "symbols",
        nargs="*",
        metavar="SYMBOL",
        help="tf.train.Saver; tf.compat.v1.train.Saver, train.Saver and Saver are the same",
    )
    parser.add_argument(
        "--no-probe",
        action="store_true",
        help="do not try the old name, which loads TensorFlow (some seconds)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command; returns 0.

    Raises:
        UsageError: a symbol is not in the index.
    """
    from shared.tools.lookup.index import symbols

    found = _named(arguments.symbols) or list(symbols().values())
    probe = bool(arguments.symbols) and not arguments.no_probe
    if arguments.json:
        print(json.dumps([_as_json(symbol, probe) for symbol in found], indent=2))
    elif arguments.symbols:
        _show(found, probe)
    else:
        _list(found)
    return 0


def _named(names: Sequence[str]) -> list[Symbol]:
    """The symbols of these names, each once."""
    from shared.tools.lookup.index import close_matches, find

    found: dict[str, Symbol] = {}
    for name in names:
        matches = find(name)
        if not matches:
            close = close_matches(name)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise UsageError(
                f"SYMBOL: expected a public name of TensorFlow 1.15 or 2, found {name!r}{hint}"
            )
        found.update((symbol.name, symbol) for symbol in matches)
    return list(found.values())


def _list(found: Sequence[Symbol]) -> None:
    from rich.console import Console
    from rich.text import Text

    from shared.tools.lookup.index import KINDS

    console = Console(highlight=False)
    for kind, meaning in KINDS.items():
        titles = sorted((s.title for s in found if s.kind == kind), key=str.lower)
        console.print(Text(f"{kind}: {meaning} ({len(titles)})", "bold"))
        console.print(", ".join(titles), end="\n\n")
    console.print("`pairs lookup SYMBOL` shows one.")


def _show(found: Sequence[Symbol], probe: bool) -> None:
    """Prints what is known at once, and the state of each old name after TensorFlow is loaded."""
    from rich.console import Console

    console = Console(highlight=False)
    for index, symbol in enumerate(found):
        if index:
            console.print()
        _show_text(symbol, console)
        if probe:
            with console.status("loading TensorFlow"):
                state = _state(symbol)
            details = [f"{label}: {text}" for label, text in state.details()]
            _row(f"In {state.version}", [state.summary, *details], console)


def _show_text(symbol: Symbol, console: Console) -> None:
    from rich.text import Text

    from shared.tools.lookup.pair_lines import pair_lines

    console.print(Text.assemble((symbol.title, "bold"), f"  {symbol.kind}"))
    _row("TensorFlow 2", symbol.tf2.splitlines() or ["-"], console, style="green")
    _row("Changes", [symbol.change], console)
    _row("Compared", _compared(symbol), console)
    _row("In the pairs", _uses_text(pair_lines(symbol.name)), console)
    _row("Pitfalls", [f"pairs pitfalls {name}" for name in symbol.pitfalls], console)
    _row("Concept", filter(None, [_concept_page(symbol)]), console)


def _compared(symbol: Symbol) -> list[str]:
    """Says so where a test holds the code against the old call."""
    return ["this code with the old call under TensorFlow 1.15, by a test"] if symbol.old else []


def _uses_text(uses: Sequence[PairLine]) -> list[str]:
    """Two lines for each stage that uses the symbol: where, and where the twin's stage begins."""
    from shared.tools.lookup.pair_lines import by_stage

    lines = []
    width = 2 + max((len(use.stage or "") for use in uses), default=0)
    for group in by_stage(uses):
        use, numbers = group[0], ",".join(str(use.line) for use in group)
        lines.append(f"{use.stage or '':<{width}}{use.file}:{numbers}")
        lines.append(f"{'':<{width}}{use.twin}:{use.twin_line}")
    return lines


def _row(label: str, lines: Iterable[str], console: Console, style: str = "") -> None:
    """Prints lines beside their label; nothing where there are none."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=_LABEL, style="dim")
    table.add_column(overflow="fold")
    for name, line in zip(itertools.chain([label], itertools.repeat("")), lines, strict=False):
        table.add_row(name, Text(line, style))
    console.print(Padding(table, (0, 0, 0, 2)))


def _concept_page(symbol: Symbol) -> str | None:
    return f"pairs guide concepts/{symbol.concept}" if symbol.concept else None


def _state(symbol: Symbol) -> State:
    from shared.tools.lookup.states import state

    return state(symbol)


def _as_json(symbol: Symbol, probe: bool) -> dict[str, Any]:
    """A symbol as JSON can hold it; `state` is None unless it is tried."""
    from shared.tools.lookup.index import anchor
    from shared.tools.lookup.pair_lines import pair_lines

    state = _state(symbol) if probe else None
    return {
        "name": symbol.title,
        "kind": symbol.kind,
        "specific": symbol.is_specific,
        "compared_with_1_15": symbol.old is not None,
        "tf2": symbol.tf2,
        "change": symbol.change,
        "pitfalls": list(symbol.pitfalls),
        "pairs": [
            {
                "file": use.file,
                "line": use.line,
                "stage": use.stage,
                "twin": use.twin,
                "twin_line": use.twin_line,
            }
            for use in pair_lines(symbol.name)
        ],
        "concept": symbol.concept,
        "page": _concept_page(symbol),
        "anchor": anchor(symbol),
        "state": state and {**vars(state), "summary": state.summary},
    }
