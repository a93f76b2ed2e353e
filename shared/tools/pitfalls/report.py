"""Pitfalls on the screen and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from shared.tools.pitfalls.measuring import NOT_MEASURED
from shared.tools.pitfalls.pitfall import SIDES, Pitfall, Reading, same

CODE_TITLES = {
    "tf1": "In TensorFlow 1 (tf1.py)",
    "naive": "Ported naively (naive.py)",
    "fixed": "Ported well (fixed.py)",
}

if TYPE_CHECKING:
    from rich.console import RenderableType

    from shared.tools.pitfalls.pitfall import Value


def print_list(pitfalls: Iterable[Pitfall], console: Console) -> None:
    """Prints a line or two a pitfall."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what differs")
    for pitfall in pitfalls:
        table.add_row(pitfall.name, Text(pitfall.title))
    console.print(table)
    console.print("\n`pairs pitfalls NAME` measures one and shows the code.")


def print_pitfall(
    pitfall: Pitfall, readings: Sequence[Reading], version: str, console: Console
) -> None:
    """Prints what a pitfall is, both sides of each reading, and the three files.

    Args:
        pitfall: the pitfall.
        readings: what `measuring.measure` returned for it.
        version: the version of the installed TensorFlow.
        console: where to print.
    """
    measured: RenderableType = Group(*(_reading(pitfall, reading) for reading in readings))
    if pitfall.has_vanished(readings):
        gone = Text(f"Both styles agree: the pitfall is gone in TensorFlow {version}.", "green")
        measured = Group(measured, gone)
    console.print(Text(f"{pitfall.name}: {pitfall.title}", "bold"))
    for title, content in {
        "What happens": Text(pitfall.what),
        "Why": Text(pitfall.why),
        f"Measured now, TensorFlow {version}": measured,
        **{CODE_TITLES[side]: _code(pitfall, side) for side in SIDES},
    }.items():
        console.print(Text(f"\n{title}", "bold"), Padding(content, (0, 0, 0, 2)))
    console.print(Text("\nSources", "bold"))
    for source in pitfall.sources:
        console.print(Text(f"  {source}"), soft_wrap=True)  # an address stays in one piece


def _code(pitfall: Pitfall, side: str) -> Syntax:
    code = pitfall.code(side).strip()
    return Syntax(code, "python", background_color="default", word_wrap=True)


def _reading(pitfall: Pitfall, reading: Reading) -> Group:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    tf115 = NOT_MEASURED if reading.tf115 is None else _shown(reading.tf115)
    table.add_row("   TensorFlow 1.15", tf115)
    table.add_row("   compat.v1 Session", _shown(reading.tf1))
    before = pitfall.before(reading)
    differs = before is not None and not same(before, reading.naive)
    mark = "!=" if differs else "  "
    table.add_row(
        f"{mark} ported naively", _shown(reading.naive), style="bold" if differs else None
    )
    if reading.fixed is not None:
        table.add_row("   ported well", _shown(reading.fixed))
    return Group(Text(reading.quantity, "italic"), table)


def _shown(value: Value) -> Text:
    return Text(as_text(value))


def as_text(value: Value) -> str:
    """Returns a measured value as a person reads it."""
    if isinstance(value, list):
        return ", ".join(map(as_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    # Nine digits tell any two float32 apart.
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def as_json(pitfall: Pitfall, readings: Sequence[Reading] | None = None) -> dict[str, Any]:
    """A pitfall as JSON can hold it.

    Args:
        pitfall: the pitfall.
        readings: what `measuring.measure` returned for it, if it was measured.

    Returns:
        The pitfall's texts and the code of its files; with readings also `readings`, where NaN and
        infinities are text and what was not measured is None, and `gone`, whether no reading
        differs.
    """
    fields: dict[str, Any] = {
        "name": pitfall.name,
        "subject": pitfall.subject,
        "title": pitfall.title,
        "what": pitfall.what,
        "why": pitfall.why,
        **{side: pitfall.code(side) for side in SIDES},
        "sources": list(pitfall.sources),
    }
    if readings is not None:
        fields["readings"] = [
            {key: _json_value(value) for key, value in vars(reading).items()}
            for reading in readings
        ]
        fields["gone"] = pitfall.has_vanished(readings)
    return fields


def _json_value(value: Value | None) -> Any:
    if isinstance(value, list):
        return [_json_value(each) for each in value]
    is_number = isinstance(value, float) and math.isfinite(value)
    return value if is_number or not isinstance(value, float) else str(value)
