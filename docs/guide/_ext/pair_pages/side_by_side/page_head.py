"""What stands at the top of a pair's page: its differences, and its measured rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pair_pages.numbers import committed
from pair_pages.side_by_side.explanations import StageText
from pair_pages.side_by_side.hunks import Stage
from pair_pages.side_by_side.places import FILE, MODEL, PROGRAM
from shared.tools.alignment import Row, share_of_common_lines


def markdown(pair: str, stages: Sequence[Stage], texts: Mapping[str, StageText]) -> str:
    """Returns the facts of a pair as a Markdown table."""
    rows = [row for stage in stages for part in stage.parts for row in part.rows]
    lines = [
        ("Identical stages", _identical(stages, texts)),
        ("Differences", _differences(stages, rows)),
        ("Parity", committed.parity_of(pair)),
        ("Speed", committed.speed_of(pair)),
    ]
    body = "\n".join(f"| {name} | {value} |" for name, value in lines)
    return f":::{{table}}\n:class: facts\n\n| This pair | |\n|---|---|\n{body}\n:::\n"


def _identical(stages: Sequence[Stage], texts: Mapping[str, StageText]) -> str:
    found = [
        texts[stage.name].title if stage.name in texts else stage.name.capitalize()
        for stage in stages
        if not stage.hunks and stage.name not in (FILE, MODEL, PROGRAM)
    ]
    return ", ".join(found) or "none"


def _differences(stages: Sequence[Stage], rows: Sequence[Row]) -> str:
    count = sum(len(stage.hunks) for stage in stages)
    total = [sum(getattr(row, s) is not None for row in rows) for s in ("left", "right")]
    differing = sum(
        (row.left is not None) + (row.right is not None)
        for stage in stages
        for hunk in stage.hunks
        for row in hunk.rows
    )
    return (
        f"{count}, each explained below: {differing} lines of {total[0]} and {total[1]} "
        f"({share_of_common_lines(rows):.0%} are common)"
    )
