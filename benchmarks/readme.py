"""Writes the speed tables of docs/speed.md: run as `python -m benchmarks.readme`.

The tables and the pictures come from the result files that stand in the repository; tests hold
that they agree. A new one is made by `pairs bench --json benchmarks/results/readme.json`; of models
that must be named, by `pairs bench MODEL ... --json benchmarks/results/networks.json`; and the
profiles by `pairs bench --profile --json benchmarks/results/profile.json`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchmarks.pictures import draw_all
from benchmarks.profile_report import digest_of, draw_profiles, read_profiles
from benchmarks.results import LABELS, Result, Row, duration, read_result, short
from benchmarks.runtimes import RUNTIMES
from shared.tools.child_process import ROOT

RESULT = ROOT / "benchmarks" / "results" / "readme.json"
NETWORKS = ROOT / "benchmarks" / "results" / "networks.json"
PROFILES = ROOT / "benchmarks" / "results" / "profile.json"
OF_NETWORKS = "speed of networks"
GUIDE = ROOT / "docs" / "speed.md"
_MARKS = "<!-- {0}: written by python -m benchmarks.readme -->", "<!-- end of {0} -->"


def blocks(result: Result) -> dict[str, str]:
    """The Markdown of each table of the page, by the name in its marks."""
    return {"speed": speed_block(result), "prediction": prediction_block(result)}


def all_blocks() -> dict[str, str]:
    """Those of both committed results, by the name in their marks."""
    found = blocks(read_result(RESULT))
    if NETWORKS.is_file():  # where these models have not been measured, their table stays empty
        found[OF_NETWORKS] = speed_block(read_result(NETWORKS))
    return found


def speed_block(result: Result) -> str:
    """A line for each way of training, a column a model."""
    models = list(dict.fromkeys(row.model for row in result.select("train", device="cpu")))
    rows = {(row.way, row.model): row for row in result.select("train", device="cpu")}
    heading = [f"{model}, batch {rows['session-feed', model].batch}" for model in models]
    lines = [
        "| speed, Session = 1 | " + " | ".join(heading) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for way in (way.name for way in RUNTIMES):
        if not any((way, model) in rows for model in models):
            continue  # a way that was not timed in that run
        cells = [_cell(result, rows.get((way, model))) for model in models]
        lines.append(f"| {LABELS[way]} | " + " | ".join(cells) + " |")
    return "\n".join(
        [*lines, "", f"{_source(result)}: the median of the rounds, and the lowest to the highest."]
    )


def prediction_block(result: Result) -> str:
    """A line for each way of predicting one example, a column a model."""
    found = result.select("predict", device="cpu")
    models = list(dict.fromkeys(row.model for row in found))
    rows = {(row.way, row.model): row for row in found}
    lines = [
        "| one example: speed, 99th percentile | " + " | ".join(models) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for way in dict.fromkeys(row.way for row in found):
        shown = [rows.get((way, model)) for model in models]
        cells = [
            f"{_cell(result, row)}, {duration(row.p99)}" if row and row.p99 else "-"
            for row in shown
        ]
        lines.append(f"| {LABELS[way]} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"{_source(result)}."])


def _source(result: Result) -> str:
    machine = result.about["machine"]
    command = result.about["command"]
    return f"Measured by `{command}` on {machine['processor']}, {machine['cores']} cores"


def _cell(result: Result, row: Row | None) -> str:
    ratio = result.speed_ratio(row) if row else None
    return f"{short(ratio.median)} ({ratio.spread})" if ratio else "-"


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """A page's text with all that stands between marks replaced.

    Raises:
        ValueError: the text lacks the marks of a table.
    """
    for name, block in blocks.items():
        begin, end = (mark.format(name) for mark in _MARKS)
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if not pattern.search(text):
            raise ValueError(f"no marks {begin} and {end}")
        head, tail = pattern.split(text, maxsplit=1)
        text = f"{head}{begin}\n{block}\n{end}{tail}"
    return text


def main() -> None:
    """Writes the tables of the page, and the pictures beside the results."""
    text = with_blocks(GUIDE.read_text(encoding="utf-8"), all_blocks())
    GUIDE.write_text(text, encoding="utf-8")
    draw_all(read_result(RESULT), RESULT.with_suffix(""))
    profiles = read_profiles(PROFILES)
    draw_profiles(profiles, PROFILES.with_suffix(""), digest_of(profiles))


if __name__ == "__main__":
    main()
