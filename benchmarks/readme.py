"""Writes the speed table of the README: run as `python -m benchmarks.readme`.

The table and the pictures come from the result file that stands in the repository; a test holds
that they agree. A new one is made by `pairs bench --json benchmarks/results/readme.json`.
"""

from __future__ import annotations

import re
from pathlib import Path

from benchmarks.pictures import draw_all
from benchmarks.results import LABELS, Result, Row, read_result, short
from shared.child_process import ROOT

RESULT = ROOT / "benchmarks" / "results" / "readme.json"
README = ROOT / "README.md"
_BEGIN, _END = "<!-- speed: written by python -m benchmarks.readme -->", "<!-- end of speed -->"
# The ways of most interest to who migrates, and the peers; `pairs bench` shows them all.
_WAYS = (
    "tf115",
    "session-feed",
    "eager",
    "function",
    "many-steps",
    "many-steps-xla",
    "fit",
    "numpy",
    "jax-scan",
    "torch",
)


def speed_block(result: Result) -> str:
    """The Markdown between the two marks of the README."""
    models = list(dict.fromkeys(row.model for row in result.select("train", device="cpu")))
    rows = {(row.way, row.model): row for row in result.select("train", device="cpu")}
    heading = [f"{model}, batch {rows['session-feed', model].batch}" for model in models]
    lines = [
        "| speed, Session = 1 | " + " | ".join(heading) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for way in _WAYS:
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
    """The README's text with the block between its marks replaced.

    Raises:
        ValueError: the text has no such marks.
    """
    pattern = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"no marks {_BEGIN} and {_END}")
    return pattern.sub(lambda match: f"{_BEGIN}\n{block}\n{_END}", text)


def main(result: Path = RESULT, readme: Path = README) -> None:
    """Writes the README's block and the pictures beside the result."""
    found = read_result(result)
    block = speed_block(found)
    readme.write_text(with_speed_block(readme.read_text(encoding="utf-8"), block), encoding="utf-8")
    draw_all(found, result.with_suffix(""))


if __name__ == "__main__":
    main()
