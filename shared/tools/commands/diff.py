"""`pairs diff`: the two files of a pair side by side."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.errors import UsageError
from shared.models import PAIRS, SCRIPTS, SEVERAL_WORKERS, STYLES, TOPICS
from shared.tools.alignment import STAGE, Line, Row, align, changed_spans, share_of_common_lines

if TYPE_CHECKING:
    from rich.text import Text

_NAMES = (*PAIRS, *SCRIPTS, *SEVERAL_WORKERS, *TOPICS)
_FOLDED = 3  # common lines shown before and after a change


def add_parser(subparsers: Any) -> None:
    """Adds the sub-command `diff`."""
    parser = subparsers.add_parser(
        "diff",
        help="show the two files of a pair side by side",
        description=(
            "Shows both files of a pair aligned stage by stage, changed words marked, and the "
            "share of lines that they have in common. Best at 100 columns or more."
        ),
    )
    parser.add_argument("model", metavar="MODEL", help=", ".join(_NAMES))
    parser.add_argument(
        "--whole", action="store_true", help="show long common stretches too, not folded"
    )
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Runs the sub-command."""
    from rich.console import Console

    name = arguments.model
    if name not in _NAMES:
        raise UsageError(f"MODEL: expected one of {', '.join(_NAMES)}; found {name!r}")
    files = [Path(style, f"{name}.py") for style in STYLES]
    root = Path(__file__).parents[3]
    rows = align(*((root / file).read_text(encoding="utf-8") for file in files))
    console = Console()
    console.print(
        _table(rows, [str(file) for file in files], arguments.whole, console.width // 2 - 5)
    )
    share = share_of_common_lines(rows)
    console.print(f"{share:.0%} of the lines are common to both files")
    return 0


def _table(rows: Sequence[Row], titles: Sequence[str], whole: bool, width: int) -> Any:
    from rich.table import Table

    table = Table(expand=True, box=None, padding=(0, 1, 0, 0))
    for title in titles:
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(title, ratio=1, overflow="fold")
    for row in rows if whole else _folded(rows):
        if isinstance(row, int):
            table.add_row("", f"[dim]... {row} common lines[/]", "", "")
        else:
            table.add_row(*_side(row.left, row.right, width), *_side(row.right, row.left, width))
    return table


def _folded(rows: Sequence[Row]) -> Iterator[Row | int]:
    """Yields the rows near a change, and for each stretch left out its number of rows."""
    changes = [index for index, row in enumerate(rows) if not row.common]
    near = {index for change in changes for index in range(change - _FOLDED, change + _FOLDED + 1)}
    left_out = 0
    for index, row in enumerate(rows):
        if index in near:
            if left_out:
                yield left_out
            left_out = 0
            yield row
        else:
            left_out += 1
    if left_out:
        yield left_out


def _side(line: Line | None, other: Line | None, width: int) -> tuple[str, Text | str]:
    from rich.syntax import Syntax

    if line is None:
        return "", ""
    text = Syntax("", "python", theme="ansi_dark").highlight(line.text)
    text.rstrip()
    if other is None:
        text.stylize("on grey19")
    elif other.text != line.text:
        for start, end in changed_spans(line.text, other.text):
            text.stylize("bold on grey23", start, end)
    return str(line.number), _folded_text(text, width)


def _folded_text(text: Text, width: int) -> Text:
    """Breaks a line that is wider than its half of the terminal; the rest is indented by 4."""
    from rich.console import Console
    from rich.text import Text

    if len(text) <= width:
        return text
    if STAGE.match(text.plain):
        return text[: width - 1]  # loses nothing but dashes
    indent = len(text.plain) - len(text.plain.lstrip())
    room = max(width - indent - 4, 10)
    first, *rest = text[indent:].wrap(Console(), room)
    lines = [Text(" " * indent) + first, *(Text(" " * (indent + 4)) + part for part in rest)]
    return Text("\n").join(lines)
