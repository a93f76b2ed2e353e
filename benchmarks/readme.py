"""Writes the speed table of docs/speed.md: run as `python -m benchmarks.readme`.

The table and the pictures come from the result file that stands in the repository; a test holds
that they agree. A new one is made by `pairs bench --json benchmarks/results/readme.json`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.pictures import draw_all
from benchmarks.results import LABELS, Result, Row, read_result, short
from benchmarks.runtimes import RUNTIMES
from shared.tools.child_process import ROOT

RESULT = ROOT / "benchmarks" / "results" / "readme.json"
GUIDE = ROOT / "docs" / "speed.md"
_BEGIN, _END = "<!-- speed: written by python -m benchmarks.readme -->", "<!-- end of speed -->"


def documents() -> dict[Path, tuple[str, ...]]:
    """The files that hold a speed table, and the ways that each shows."""
    return {GUIDE: tuple(way.name for way in RUNTIMES)}


def speed_block(result: Result, ways: Sequence[str]) -> str:
    """The Markdown between the two marks of a file: a line for each way, a column a model."""
    models = list(dict.fromkeys(row.model for row in result.select("train", device="cpu")))
    rows = {(row.way, row.model): row for row in result.select("train", device="cpu")}
    heading = [f"{model}, batch {rows['session-feed', model].batch}" for model in models]
    lines = [
        "| speed, Session = 1 | " + " | ".join(heading) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for way in ways:
        if not any((way, model) in rows for model in models):
            continue  # a way that was not timed in that run
        cells = [_cell(result, rows.get((way, model))) for model in models]
        lines.append(f"| {LABELS[way]} | " + " | ".join(cells) + " |")
    machine = result.about["machine"]
    source = (
        f"Measured by `{result.about['command']}` on {machine['processor']}, "
        f"{machine['cores']} cores: the median of the rounds, and the lowest to the highest."
    )
    return "\n".join([*lines, "", source])


def _cell(result: Result, row: Row | None) -> str:
    ratio = result.speed_ratio(row) if row else None
    return f"{short(ratio.median)} ({ratio.spread})" if ratio else "-"


def with_speed_block(text: str, block: str) -> str:
    """A file's text with the block between its marks replaced.

    Raises:
        ValueError: the text has no such marks.
    """
    pattern = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no marks {_BEGIN} and {_END}")
    return pattern.sub(lambda match: f"{_BEGIN}\n{block}\n{_END}", text)


def main() -> None:
    """Writes the block of each file, and the pictures beside the result."""
    found = read_result(RESULT)
    for path, ways in documents().items():
        text = with_speed_block(path.read_text(encoding="utf-8"), speed_block(found, ways))
        path.write_text(text, encoding="utf-8")
    draw_all(found, RESULT.with_suffix(""))


if __name__ == "__main__":
    main()
