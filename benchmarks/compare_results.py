"""`pairs bench compare`: what changed between two runs beyond the noise of both."""

from __future__ import annotations

from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.results import LABELS, Ratio, Result, Row, is_limit, short
from benchmarks.runtimes import REFERENCE


class Change(NamedTuple):
    """The speed of one runtime, as a ratio to the Session, in two runs."""

    row: Row
    old: Ratio
    new: Ratio

    @property
    def is_beyond_noise(self) -> bool:
        """Whether no round of one run lies among the rounds of the other."""
        return self.old.high < self.new.low or self.new.high < self.old.low

    @property
    def factor(self) -> float:
        """How many times as fast as before."""
        return self.new.median / self.old.median


def changes(old: Result, new: Result) -> list[Change]:
    """Returns each runtime that both runs timed with the Session, in more rounds than one.

    A single round has no noise that a change could be beyond.
    """
    before = {_key(row): row for row in old.rows}
    found = []
    for row in new.rows:
        if _key(row) in before and row.runtime != REFERENCE and not is_limit(row):
            if min(len(row.seconds), len(before[_key(row)].seconds)) < 2:
                continue
            was, now = old.speed_ratio(before[_key(row)]), new.speed_ratio(row)
            if was and now:
                found.append(Change(row, was, now))
    return found


def _key(row: Row) -> tuple:
    return row.model, row.task, row.runtime, row.device, row.batch, row.steps


def print_comparison(old: Result, new: Result) -> None:
    """Prints the changes beyond the noise, the largest first, and how many are within it."""
    console = Console(width=min(Console().width, 80))
    for name in ("machine", "versions", "conditions"):
        if old.about.get(name) != new.about.get(name):
            text = f"the two runs differ in {name}: {_difference(old, new, name)}"
            console.print(text, markup=False)
    found = changes(old, new)
    beyond = sorted((change for change in found if change.is_beyond_noise), key=_size, reverse=True)
    if beyond:
        console.print(_table(beyond))
    console.print(
        f"{len(beyond)} of {len(found)} speeds changed beyond the noise; a speed is the ratio to "
        "the Session with feed_dict in the same rounds, noise is its lowest to highest round."
    )


def _difference(old: Result, new: Result, name: str) -> str:
    a, b = old.about.get(name) or {}, new.about.get(name) or {}
    keys = [key for key in {**a, **b} if a.get(key) != b.get(key)]
    return ", ".join(f"{key} {a.get(key)} -> {b.get(key)}" for key in keys)


def _size(change: Change) -> float:
    return max(change.factor, 1 / change.factor)


def _table(found: list[Change]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("model", "task", "runtime"):
        table.add_column(heading, no_wrap=True)
    for heading in ("old", "new", "factor"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row, old, new in found:
        factor = f"{short(new.median / old.median)}x"
        task = row.task if row.batch is None else f"{row.task} {row.batch}"
        medians = f"{short(old.median)}x", f"{short(new.median)}x"
        table.add_row(row.model[:10], task[:19], LABELS[row.runtime], *medians, factor)
    return table
