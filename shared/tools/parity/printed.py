"""The matrix as it is printed in the README and in docs/parity.md, and whether it still holds.

Both are rendered from docs/parity.json, which `pairs parity --renew` writes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from shared.atomic_files import write_text
from shared.errors import UsageError
from shared.models import PAIRS
from shared.tools.parity.matrix import RUNTIMES, Row, candidate_of
from shared.tools.parity.other_processes import name_of_gpu
from shared.tools.parity.report import NOT_RUN, result, to_json

ROOT = Path(__file__).resolve().parents[3]
RESULTS = Path("docs", "parity.json")
BEGIN, END = "<!-- parity matrix: begin -->", "<!-- parity matrix: end -->"


def read_results(root: Path = ROOT) -> tuple[list[Row], str]:
    """The rows of docs/parity.json, and on what they were measured."""
    found = json.loads((root / RESULTS).read_text(encoding="utf-8"))
    return [Row(**row) for row in found["rows"]], found["measured_on"]


# ---- rendering ------------------------------------------------------------------------------


def compact(rows: Sequence[Row], measured_on: str) -> str:
    """The table of the README: a line for each runtime, a column for each model."""
    models = list(dict.fromkeys(row.model for row in rows))
    cells = {(row.candidate, row.model): row for row in rows}
    steps = {m: max(row.steps or 0 for row in rows if row.model == m) for m in models}
    lines = ["| runtime | " + " | ".join(f"`{model}`" for model in models) + " |"]
    lines.append("|---" * (len(models) + 1) + "|")
    lines.append("| steps | " + " | ".join(f"{steps[model]:,}" for model in models) + " |")
    for runtime, label in RUNTIMES.items():
        of_models = [cells[candidate_of(runtime, PAIRS[model]), model] for model in models]
        found = [_short(cell, steps[cell.model]) for cell in of_models]
        lines.append(f"| {label} | " + " | ".join(found) + " |")
    return "\n".join([*lines, "", *_remarks(rows, measured_on)])


def _short(row: Row, steps: int) -> str:
    if row.skipped:
        return NOT_RUN
    return _number(row) if row.steps == steps else f"{_number(row)}, {row.steps:,} steps"


def _number(row: Row) -> str:
    return "bitwise" if row.bitwise else f"{row.curve_difference:.0e}"


def detailed(rows: Sequence[Row], measured_on: str) -> str:
    """The table of docs/parity.md: a line for each model and runtime that was measured."""
    head = ["model", "runtime", "steps", "losses differ by", "bound", "first difference"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for row in rows:
        if row.skipped:
            continue
        first = row.first_difference
        place = f"step {first['step']}, {first['stage']} `{first['tensor']}`" if first else NOT_RUN
        numbers = ["bitwise equal", "equal bits"]
        if not row.bitwise:
            numbers = [f"{row.curve_difference:.1e}", f"{row.bound:.0e}"]
        cells = [f"`{row.model}`", row.candidate, f"{row.steps:,}", *numbers, place]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, "", *_remarks(rows, measured_on)])


def _remarks(rows: Sequence[Row], measured_on: str) -> Iterator[str]:
    yield f"Measured with {measured_on}."
    versions = [row.versions or {} for row in rows]
    for gpu in sorted({found["gpu"] for found in versions if "gpu" in found}):
        yield f"GPU: {gpu}, compared with a Session on the processor of that machine."
    left_out: dict[str, list[str]] = {}
    for row in rows:
        if row.skipped:
            left_out.setdefault(f"{row.candidate} ({row.skipped})", []).append(f"`{row.model}`")
    everything = len({row.model for row in rows})
    for what, models in left_out.items():
        of = "" if len(models) == everything else f" of {' and '.join(models)}"
        yield f"Left out: {what}{of}."


# The files that hold the matrix, and how each shows it.
PLACES: dict[str, Callable[[Sequence[Row], str], str]] = {
    "README.md": compact,
    "docs/parity.md": detailed,
}


def printed(file: str, root: Path = ROOT) -> str:
    """What a file of `PLACES` holds between its two marks.

    Raises:
        UsageError: the file is missing or does not hold both marks, once and in order.
    """
    return _split(root / file)[1]


def _split(path: Path) -> tuple[str, str, str]:
    try:
        text = path.read_text(encoding="utf-8")
        before, rest = text.split(f"{BEGIN}\n")
        between, after = rest.split(f"\n{END}")
    except (OSError, ValueError):
        raise UsageError(
            f"--renew: expected {path} with a line {BEGIN!r} and a later {END!r}, found none"
        ) from None
    return f"{before}{BEGIN}\n", between, f"\n{END}{after}"


# ---- whether it still holds -----------------------------------------------------------------

# Another processor adds in another order too, which moves a difference, not its size.
MAGNITUDE = 10.0


def no_longer_holds(printed_rows: Sequence[Row], measured: Sequence[Row]) -> list[str]:
    """What is printed and was not found again, a line each.

    Args:
        printed_rows: of docs/parity.json.
        measured: rows of a new run. Where one has fewer steps, only whether it is bitwise equal,
            within its bound and first different at the printed step is looked at.
    """
    found = {(row.model, row.candidate): row for row in printed_rows}
    lines = []
    for row in measured:
        old = found.get((row.model, row.candidate))
        what = None if row.skipped else _change(old, row)
        if what:
            lines.append(f"{row.model}, {row.candidate}: {what}")
    return lines


def _change(old: Row | None, new: Row) -> str | None:
    if old is None:
        return "not printed"
    if old.skipped:
        return None
    if new.is_broken:
        return result(new)
    if old.bitwise != new.bitwise:
        return f"printed {_number(old)}, found {_number(new)}"
    if old.bitwise:
        return None
    assert old.first_difference and new.first_difference
    steps = old.first_difference["step"], new.first_difference["step"]
    if steps[0] != steps[1]:
        return f"printed with a first difference at step {steps[0]}, found at step {steps[1]}"
    if old.steps != new.steps:
        return None
    assert old.curve_difference and new.curve_difference is not None
    if not _is_alike(old.curve_difference, new.curve_difference, old.model):
        return f"printed {_number(old)}, found {_number(new)}"
    return None


def _is_alike(old: float, new: float, model: str) -> bool:
    # A network amplifies roundings, and which ones there are is the processor's: the CNN compiled
    # by XLA was 4e-4 off on one and 2e-5 on another. The bound holds beside it.
    run = PAIRS[model].parity
    if run.turns and run.rounding_drift is not None and max(old, new) <= run.rounding_drift:
        return True
    factor = MAGNITUDE if run.rounding_drift is None else MAGNITUDE**2
    return 1 / factor < new / old < factor


# ---- renewing -------------------------------------------------------------------------------


def why_not_renew(rows: Sequence[Row]) -> str | None:
    """Why these rows must not take the place of what is printed, or None."""
    broken = [f"{row.candidate} of {row.model} ({result(row)})" for row in rows if row.is_broken]
    if broken:
        return ", ".join(broken)
    skipped = [row for row in rows if row.skipped and row.candidate == RUNTIMES["tf115"]]
    return f"TensorFlow 1.15 is {skipped[0].skipped}" if skipped else None


def check_places(root: Path = ROOT) -> None:
    """Refuses before minutes of training what could not be renewed after them.

    Raises:
        UsageError: a file of `PLACES` is missing or does not hold the marks.
    """
    for file in PLACES:
        printed(file, root)


def renew(rows: Sequence[Row], root: Path = ROOT) -> list[str]:
    """Writes docs/parity.json and renders it into the other files; returns all their names.

    Rows of a GPU stay as they were where this machine has none.

    Raises:
        UsageError: a file cannot be written, or does not hold the marks.
    """
    measured_on = _measured_on(rows)
    parts = {file: _split(root / file) for file in PLACES}
    rows = _with_gpu(rows, root)
    write_text(root / RESULTS, to_json(rows, measured_on=measured_on), "--renew")
    for file, (before, _, after) in parts.items():
        write_text(root / file, before + PLACES[file](rows, measured_on) + after, "--renew")
    return [RESULTS.as_posix(), *PLACES]


def _with_gpu(rows: Sequence[Row], root: Path) -> list[Row]:
    """The rows; those of a GPU with its name, or from docs/parity.json where they were skipped."""
    before = read_results(root)[0] if (root / RESULTS).exists() else []
    kept = {row.model: row for row in before if row.candidate == RUNTIMES["gpu"]}
    found = []
    for row in rows:
        if row.candidate == RUNTIMES["gpu"]:
            row = kept.get(row.model, row) if row.skipped else _named(row)
        found.append(row)
    return found


def _named(row: Row) -> Row:
    versions = row.versions or {}
    if "gpu" in versions:
        return row
    return dataclasses.replace(row, versions={**versions, "gpu": name_of_gpu()})


def _measured_on(rows: Sequence[Row]) -> str:
    versions = sorted({row.versions["tensorflow"] for row in rows if row.versions}, reverse=True)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"TensorFlow {' and '.join(versions)} on {machine}"
