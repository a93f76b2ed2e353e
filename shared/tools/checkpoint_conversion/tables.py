"""Checkpoints and plans as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.tools.checkpoint_conversion.contents import Contents
from shared.tools.checkpoint_conversion.differences import EQUAL, Difference
from shared.tools.checkpoint_conversion.plan import Plan
from shared.tools.checkpoint_conversion.shown import shown


def print_summary(summary: Mapping[str, Any]) -> None:
    """Prints what `shared.tools.checkpoint_conversion.summary.summary` returns."""
    console = _console()
    optimizers = ", ".join(summary["optimizers"]) or "none that keeps anything"
    step = "unknown" if summary["step"] is None else summary["step"]
    form = f"{summary['kind']}, {summary['form']}"
    console.print(f"{shown(summary['path'])}: {form}", soft_wrap=True)
    console.print(f"optimizer: {optimizers}; step: {step}", soft_wrap=True)
    table = _table("variable", "dtype", "shape", "bytes", "role")
    for variable in summary["variables"]:
        role = variable["role"]
        if variable["slot"]:
            role = shown(f"{variable['slot']} of {variable['slot_of'] or '?'}")
        if variable["part"]:
            role = f"{role}, part {variable['part']}"
        size = "?" if variable["bytes"] is None else f"{variable['bytes']:,}"
        _add_row(
            table, shown(variable["name"]), variable["dtype"], str(variable["shape"]), size, role
        )
    console.print(table)
    console.print(f"{len(summary['variables'])} variables, {summary['bytes']:,} bytes")


def print_plan(plan: Plan, prefix: str) -> None:
    """Prints what a conversion will do."""
    console = _console()
    console.print(f"from {shown(plan.source.prefix)} ({plan.source.scheme})", soft_wrap=True)
    console.print(f"to   {shown(prefix)} ({plan.template.scheme})", soft_wrap=True)
    table = _table("target", "type", "from", "how")
    for write in plan.writes:
        sources = "\n".join(map(shown, write.sources))
        _add_row(table, shown(write.target.name), write.target.type(), sources, write.how)
    console.print(table)
    for name, reason in plan.left_out.items():
        console.print(shown(f"not written: {name}: {reason}"), soft_wrap=True)
    for note in plan.notes:
        console.print(shown(f"note: {note}"), soft_wrap=True)


def print_differences(
    a: Contents, b: Contents, differences: Sequence[Difference], counts: Mapping[str, int]
) -> None:
    """Prints what a comparison found: a row for each tensor that is not bitwise equal."""
    console = _console()
    for letter, contents in (("A", a), ("B", b)):
        described = f"{shown(contents.prefix)} ({contents.scheme}, {contents.source.form})"
        console.print(f"{letter} {described}", soft_wrap=True)
    others = [found for found in differences if found.verdict != EQUAL]
    if others:
        table = _table("tensor", "verdict", "|a-b|/|b|", "max |a-b|", "")
        for found in others:
            sizes = (_number(found.relative), _number(found.largest))
            _add_row(table, shown(found.name), found.verdict, *sizes, shown(found.detail))
        console.print(table)
    texts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    console.print(f"{len(differences)} tensors: {', '.join(texts) or 'none'}")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _console() -> Console:
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # in a pipe or a file, a variable is one line, whole
    return console


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))  # as they are: a name may look like rich's markup
