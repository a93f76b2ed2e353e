"""Checkpoints and plans as tables in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared.tools.checkpoint_conversion.plan import Plan
from shared.tools.checkpoint_conversion.shown import shown


def print_summary(summary: Mapping[str, Any]) -> None:
    """Prints what `shared.tools.checkpoint_conversion.summary.summary` returns."""
    console = _console()
    optimizers = ", ".join(summary["optimizers"]) or "none that keeps anything"
    step = "unknown" if summary["step"] is None else summary["step"]
    console.print(f"{shown(summary['path'])}: {summary['kind']}", soft_wrap=True)
    console.print(f"optimizer: {optimizers}; step: {step}", soft_wrap=True)
    table = _table("variable", "dtype", "shape", "bytes", "role")
    for variable in summary["variables"]:
        role = variable["role"]
        if variable["slot"]:
            role = shown(f"{variable['slot']} of {variable['slot_of'] or '?'}")
        size = "?" if variable["bytes"] is None else f"{variable['bytes']:,}"
        _add_row(
            table, shown(variable["name"]), variable["dtype"], str(variable["shape"]), size, role
        )
    console.print(table)
    console.print(f"{len(summary['variables'])} variables, {summary['bytes']:,} bytes")


def print_plan(plan: Plan, prefix: str) -> None:
    """Prints what a conversion will do."""
    console = _console()
    console.print(f"from {shown(plan.source.prefix)} ({plan.source.kind})", soft_wrap=True)
    console.print(f"to   {shown(prefix)} ({plan.template.kind})", soft_wrap=True)
    table = _table("target", "type", "from", "how")
    for write in plan.writes:
        sources = "\n".join(map(shown, write.sources))
        _add_row(table, shown(write.target.name), write.target.type(), sources, write.how)
    console.print(table)
    for name, reason in plan.left_out.items():
        console.print(shown(f"not written: {name}: {reason}"), soft_wrap=True)
    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True)


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
