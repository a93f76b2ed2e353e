"""The matrix of parity as tables: on a terminal, in Markdown, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.tools.parity.matrix import REFERENCE, Row

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NOT_RUN = "—"


def result(row: Row) -> str:
    """What was found, in a few words."""
    if row.skipped:
        return "skipped"
    if row.unrecorded_equal is False:
        return "other bits unrecorded"
    if row.bitwise:
        return "bitwise equal"
    assert row.curve_difference is not None
    bound = f"{row.bound:.0e}" if row.bound else "equal bits"
    return f"{row.curve_difference:.0e}, bound {bound}"


def table(rows: Sequence[Row]) -> Table:
    """One model's rows as a table that fits 80 columns."""
    from rich import box
    from rich.table import Table

    found = Table(
        title=f"{rows[0].model} against {REFERENCE}", box=box.SIMPLE, title_justify="left"
    )
    found.add_column("runtime", no_wrap=True)
    found.add_column("steps", justify="right", no_wrap=True)
    found.add_column("result", no_wrap=True)
    found.add_column("first difference", overflow="fold")
    for row in rows:
        steps = "" if row.steps is None else f"{row.steps:,}"
        mark = "red" if row.is_broken else "dim" if row.skipped else None
        found.add_row(row.candidate, steps, result(row), row.skipped or _place(row), style=mark)
    return found


def _place(row: Row) -> str:
    first = row.first_difference
    if first is None:
        return ""
    return f"step {first['step']}: {first['stage']} {first['tensor']}"


def show(rows: Sequence[Row], console: Console) -> None:
    """Prints one model's rows."""
    console.print(table(rows))
    for line in compared_lines(rows):
        console.print(line, highlight=False)


def compared_lines(rows: Sequence[Row]) -> list[str]:
    """What was compared: stages that were so at every step first, others with their counts."""
    lines: dict[str, list[str]] = {}
    for row in rows:
        if row.compared:
            lines.setdefault(_compared(row), []).append(row.candidate)
    if len(lines) == 1:
        return [f"compared {next(iter(lines))}"]
    return [f"compared ({', '.join(names)}) {text}" for text, names in lines.items()]


def _compared(row: Row) -> str:
    assert row.compared is not None
    always = [stage for stage, steps in row.compared.items() if steps == row.steps]
    others = [
        f"{stage} at {steps:,}" for stage, steps in row.compared.items() if steps != row.steps
    ]
    return "; ".join([f"at every step: {', '.join(always)}", *others])


def to_json(rows: Sequence[Row], **more: str) -> str:
    """An object with the list `rows`, and more beside it, as text."""
    found = {**more, "rows": [row.to_json() for row in rows]}
    return json.dumps(found, indent=2, allow_nan=False) + "\n"
