"""Writes the speed tables of docs/speed.md: run as `.venv/bin/python -m benchmarks.readme`.

The tables and the pictures come from the result files that stand in the repository; tests hold
that they agree. These commands measure anew:

    .venv/bin/pairs bench --json benchmarks/results/readme.json
    .venv/bin/pairs bench MODEL ... --json benchmarks/results/networks.json
    .venv/bin/pairs bench --profile --json benchmarks/results/profile.json

The second is of the models that are timed only when they are named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pictures import draw_all
from benchmarks.plan import FULL, MODELS, batch_cases, other_cases, training_cases
from benchmarks.profile_report import digest_of, draw_profiles, read_profiles
from benchmarks.results import LABELS, Result, Row, duration, read_result, short
from benchmarks.runtimes import RUNTIMES
from shared.errors import DataError, SuiteError
from shared.models import TIMED_WHEN_NAMED
from shared.program.display import one_line
from shared.tools.child_process import ROOT

RESULT = ROOT / "benchmarks" / "results" / "readme.json"
NETWORKS = ROOT / "benchmarks" / "results" / "networks.json"
PROFILES = ROOT / "benchmarks" / "results" / "profile.json"
OF_NETWORKS = "speed of networks"
GUIDE = ROOT / "docs" / "speed.md"
_MARKS = "<!-- {0}: written by python -m benchmarks.readme -->", "<!-- end of {0} -->"


def blocks(result: Result) -> dict[str, str]:
    """Returns the Markdown of each table of the page, by the name in its marks."""
    return {"speed": speed_block(result), "prediction": prediction_block(result)}


def all_blocks() -> dict[str, str]:
    """Returns the Markdown of both committed results, by the name in its marks."""
    return {**blocks(read_result(RESULT)), OF_NETWORKS: speed_block(read_result(NETWORKS))}


def speed_block(result: Result) -> str:
    """Returns the table of training: a line per runtime, a column per model."""
    models = list(dict.fromkeys(row.model for row in result.select("train", device="cpu")))
    rows = {(row.runtime, row.model): row for row in result.select("train", device="cpu")}
    heading = [f"{model}, batch {rows['session-feed', model].batch}" for model in models]
    lines = [
        "| speed, Session = 1 | " + " | ".join(heading) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for runtime in (runtime.name for runtime in RUNTIMES):
        if not any((runtime, model) in rows for model in models):
            continue  # a runtime that trains none of these models
        cells = [_cell(result, rows.get((runtime, model))) for model in models]
        lines.append(f"| {LABELS[runtime]} | " + " | ".join(cells) + " |")
    return "\n".join(
        [*lines, "", f"{_source(result)}: the median of the rounds, and the lowest to the highest."]
    )


def prediction_block(result: Result) -> str:
    """Returns the table of predicting one example: a line per runtime, a column per model."""
    found = result.select("predict", device="cpu")
    models = list(dict.fromkeys(row.model for row in found))
    rows = {(row.runtime, row.model): row for row in found}
    lines = [
        "| one example: speed, 99th percentile | " + " | ".join(models) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for runtime in dict.fromkeys(row.runtime for row in found):
        shown = [rows.get((runtime, model)) for model in models]
        cells = [
            f"{_cell(result, row)}, {duration(row.p99)}" if row and row.p99 else "-"
            for row in shown
        ]
        lines.append(f"| {LABELS[runtime]} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"{_source(result)}."])


def _source(result: Result) -> str:
    machine = result.about["machine"]
    command = f".venv/bin/{result.about['command']}"
    return f"Measured by `{command}` on {machine['processor']}, {machine['cores']} cores"


def _cell(result: Result, row: Row | None) -> str:
    ratio = result.speed_ratio(row) if row else None
    return f"{short(ratio.median)} ({ratio.spread})" if ratio else "-"


def with_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Returns a page's text with all that stands between marks replaced.

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


def check_complete(path: Path, models: Sequence[str]) -> None:
    """Reads a result that the page is to show, and looks in it for each case of these models.

    Raises:
        DataError: the file is missing, is no result, or lacks a case that a full run times.
    """
    rows = read_result(path).rows
    measured = {
        (row.model, row.task, row.batch, row.runtime) for row in rows if row.device == "cpu"
    }
    missing = [
        case.id
        for model in models
        for list_cases in (training_cases, batch_cases, other_cases)
        for case in list_cases(FULL, model)
        if (case.model, case.task, case.batch, case.runtime.name) not in measured
    ]
    if missing:
        raise DataError(
            f"{path}: expected every case that a full run times, "
            f"found none for {len(missing)} of them, such as {missing[0]}: measure it anew"
        )


def renew() -> None:
    """Writes the tables of the page, and the pictures beside the results.

    Raises:
        DataError: a result is missing, is none, or is not complete; then nothing is written.
    """
    check_complete(RESULT, MODELS)
    check_complete(NETWORKS, TIMED_WHEN_NAMED)
    text = with_blocks(GUIDE.read_text(encoding="utf-8"), all_blocks())
    GUIDE.write_text(text, encoding="utf-8")
    draw_all(read_result(RESULT), RESULT.with_suffix(""))
    profiles = read_profiles(PROFILES)
    draw_profiles(profiles, PROFILES.with_suffix(""), digest_of(profiles))


def main() -> int:
    """Runs `renew`; returns the exit code, which is 2 when a result cannot be used."""
    try:
        renew()
    except SuiteError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
