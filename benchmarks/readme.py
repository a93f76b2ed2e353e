"""Writes the speed tables of docs/speed.md: run as `python -m benchmarks.readme`.

The tables and the pictures come from the result files that stand in the repository; tests hold
that they agree. These commands measure anew:

    pairs bench --json benchmarks/results/readme.json
    pairs bench MODEL ... --json benchmarks/results/networks.json
    pairs bench --profile --json benchmarks/results/profile.json
    pairs bench MODEL ... --device gpu --json benchmarks/results/gpu.json

The second is of the models that are timed only when they are named. The last needs a GPU, and is
made again with `--tf32 off`, into gpu-float32.json.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.pictures import draw_all
from benchmarks.plan import FULL, MODELS, batch_cases, other_cases, training_cases
from benchmarks.plan import ON_GPU as ON_GPU_PLAN
from benchmarks.profile_report import digest_of, draw_profiles, read_profiles
from benchmarks.results import LABELS, Result, Row, duration, read_result, short
from benchmarks.runtimes import DEFAULTS, REFERENCE, RUNTIMES
from shared.errors import DataError, SuiteError
from shared.models import TIMED_WHEN_NAMED
from shared.program.display import one_line
from shared.tools.child_process import ROOT

RESULT = ROOT / "benchmarks" / "results" / "readme.json"
NETWORKS = ROOT / "benchmarks" / "results" / "networks.json"
ON_GPU = ROOT / "benchmarks" / "results" / "gpu.json"
ON_GPU_IN_FLOAT32 = ROOT / "benchmarks" / "results" / "gpu-float32.json"
PROFILES = ROOT / "benchmarks" / "results" / "profile.json"
OF_NETWORKS = "speed of networks"
OF_GPU, OF_GPU_BATCHES = "speed on a GPU", "batches on a GPU"
GUIDE = ROOT / "docs" / "speed.md"
_MARKS = "<!-- {0}: written by python -m benchmarks.readme -->", "<!-- end of {0} -->"


def blocks(result: Result) -> dict[str, str]:
    """Returns the Markdown of each table of the page, by the name in its marks."""
    return {"speed": speed_block(result), "prediction": prediction_block(result)}


def all_blocks() -> dict[str, str]:
    """Returns the Markdown of all committed results, by the name in its marks."""
    on_gpu = read_result(ON_GPU)
    return {
        **blocks(read_result(RESULT)),
        OF_NETWORKS: speed_block(read_result(NETWORKS)),
        OF_GPU: speed_block(on_gpu, "gpu"),
        OF_GPU_BATCHES: batches_block(on_gpu, read_result(ON_GPU_IN_FLOAT32)),
    }


def speed_block(result: Result, device: str = "cpu") -> str:
    """Returns the table of training: a line per runtime, a column per model."""
    models = list(dict.fromkeys(row.model for row in result.select("train", device=device)))
    rows = {(row.runtime, row.model): row for row in result.select("train", device=device)}
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


def batches_block(tf32: Result, float32: Result) -> str:
    """Returns the table of growing batches on a GPU: a line per model and batch.

    A speed is a ratio to the Session of the same run, at the same batch.
    """
    results = {"TF32": tf32, "float32": float32}
    groups = {
        (name, row.model, row.batch): result.timed_with(row)
        for name, result in results.items()
        for row in result.select("train by batch", device="gpu")
    }
    kinds = ("tf.function", "default", "XLA")
    heads = [f"{name}: {kind}" for name in results for kind in kinds]
    lines = [
        "| model, batch | a step of the Session, TF32 | " + " | ".join(heads) + " |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for model, batch in dict.fromkeys((key[1], key[2]) for key in groups):
        cells = [
            _cell(result, groups.get((name, model, batch), {}).get(runtime))
            for name, result in results.items()
            for runtime in ("function", _default(result, model), _compiled(model))
        ]
        reference = groups.get(("TF32", model, batch), {}).get(REFERENCE)
        time = duration(statistics.median(reference.seconds)) if reference else "-"
        lines.append(f"| {model}, {batch:,} | {time} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", f"{_source(tf32)}; `{float32.about['command']}`."])


def _default(result: Result, model: str) -> str:
    """The script's runtime, or what it was when an older result was measured."""
    measured = {row.runtime for row in result.select("train by batch", model)}
    default = DEFAULTS[model]
    return default if default in measured else default.replace("rows", "gathered")


def _compiled(model: str) -> str:
    """The runtime of XLA that is timed at every batch size."""
    names = [runtime.name for runtime in ON_GPU_PLAN.batch_size_runtimes(model)]
    return next(name for name in names if "xla" in name)


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
    # A result that several commands made has a line for each.
    command = "` and `".join(result.about["command"].split("\n"))
    place = f"{machine['processor']}, {machine['cores']} cores"
    gpu = f"{machine['gpu']}, " if "gpu" in machine else ""
    return f"Measured by `{command}` on {gpu}{place}"


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
