"""The committed results of `pairs parity` and `pairs bench`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from benchmarks.readme import RESULT
from benchmarks.results import LABELS, is_limit, read_result
from shared.models import PAIRS, SEVERAL_WORKERS
from shared.tools.child_process import ROOT
from shared.tools.parity.matrix import Row
from shared.tools.parity.printed import read_results

_SHOWN = tuple(LABELS[name] for name in ("tf115", "function", "many-steps", "many-steps-xla"))


@dataclasses.dataclass(frozen=True)
class Speed:
    """How many times faster than the Session a runtime trained a model, in one run."""

    model: str
    runtime: str
    ratio: float


def speeds(path: Path = RESULT) -> list[Speed]:
    """Returns the committed speeds of training steps on a CPU, in the order of the file.

    Raises:
        SuiteError: the file is missing or no result of `pairs bench`.
    """
    result = read_result(path)
    rows = [row for row in result.select("train", device="cpu") if not is_limit(row)]
    ratios = ((row, result.speed_ratio(row)) for row in rows)
    return [Speed(row.model, LABELS[row.runtime], ratio.median) for row, ratio in ratios if ratio]


def parity_of(pair: str, root: Path = ROOT) -> str:
    """Returns a sentence of Markdown on the parity of a pair."""
    measured = _measured(pair, root)
    if not measured:
        return _unmeasured(pair)
    equal = [row.candidate for row in measured if row.bitwise]
    bounded = [
        f"{row.candidate} (off by {row.curve_difference:.0e})"
        for row in measured
        if not row.bitwise and row.within_bound
    ]
    parts = [f"bitwise equal: {', '.join(equal)}"] if equal else []
    parts += [f"within its bound: {', '.join(bounded)}"] if bounded else []
    return f"{'; '.join(parts)} ({{doc}}`/parity`)"


def parity_in_short(pair: str, root: Path = ROOT) -> str:
    """Returns how many runtimes agree to the last bit, and how far off the others are at most."""
    measured = _measured(pair, root)
    if not measured:
        return _unmeasured(pair)
    equal = sum(bool(row.bitwise) for row in measured)
    bounded = [row for row in measured if not row.bitwise and row.within_bound]
    off = [row.curve_difference for row in bounded if row.curve_difference is not None]
    parts = [f"equal to the last bit in {equal} runtimes"] if equal else []
    parts += [f"within {max(off):.0e} in {len(off)}"] if off else []
    return ", ".join(parts)


def _measured(pair: str, root: Path) -> list[Row]:
    return [row for row in read_results(root)[0] if row.model == pair and not row.skipped]


def _unmeasured(pair: str) -> str:
    if pair in SEVERAL_WORKERS:
        workers = "one worker" if pair == "asynchronous_workers" else "two workers"
        return f"{workers} of either style: equal to the last bit ({{doc}}`/workers`)"
    if pair not in PAIRS:
        return "no model of its own: what it does is compared for every pair"
    return f"`pairs parity {pair}` measures it: {{doc}}`/parity`"


def speed_of(pair: str) -> str:
    """Returns a sentence of Markdown on the speed of a pair."""
    found = [speed for speed in speeds() if speed.model == pair and speed.runtime in _SHOWN]
    if pair == "several_workers":
        return "by the number of workers: {doc}`/workers`"
    if not found:
        return "nothing to time"
    listed = ", ".join(f"{speed.runtime} {speed.ratio:.2g}" for speed in found)
    return f"a Session is 1; {listed} ({{doc}}`/speed`)"
