"""The committed results of `pairs parity` and `pairs bench`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shared.child_process import ROOT
from shared.models import PAIRS
from shared.parity.printed import read_results

SPEED = "benchmarks/results/*.json"


@dataclasses.dataclass(frozen=True)
class Speed:
    """How many times faster than the Session a way of running a model was, in one run."""

    model: str
    way: str
    ratio: float


def speeds(root: Path = ROOT) -> list[Speed]:
    """Returns the committed speeds of training steps; none where no such file is committed.

    A file counts when it has a list `rows` of objects with `model`, `way` and `ratio`.
    """
    rows = (row for data in _objects(root, SPEED) for row in data.get("rows", []))
    return [
        Speed(row["model"], row["way"], row["ratio"])
        for row in rows
        if {"model", "way", "ratio"} <= row.keys() and row["ratio"] is not None
    ]


def _objects(root: Path, pattern: str) -> Iterator[Mapping[str, Any]]:
    for path in sorted(root.glob(pattern)):
        data = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict):
            yield data


def parity_of(pair: str, root: Path = ROOT) -> str:
    """Returns a sentence of Markdown on the parity of a pair."""
    if pair not in PAIRS:
        return "no model: the printed lines are compared"
    measured = [row for row in read_results(root)[0] if row.model == pair and not row.skipped]
    if not measured:
        return f"`pairs parity {pair}` measures it: {{doc}}`/parity`"
    equal = [row.candidate for row in measured if row.bitwise]
    bounded = [
        f"{row.candidate} (off by {row.curve_difference:.0e})"
        for row in measured
        if not row.bitwise and row.within_bound
    ]
    parts = [f"bitwise equal: {', '.join(equal)}"] if equal else []
    parts += [f"within its bound: {', '.join(bounded)}"] if bounded else []
    return f"{'; '.join(parts)} ({{doc}}`/parity`)"


def speed_of(pair: str, root: Path = ROOT) -> str:
    """Returns a sentence of Markdown on the speed of a pair."""
    if pair not in PAIRS:
        return "nothing to time"
    found = [speed for speed in speeds(root) if speed.model == pair]
    if not found:
        return f"`pairs bench {pair}` measures it: {{doc}}`/speed`"
    fastest = sorted(found, key=lambda speed: -speed.ratio)[:3]
    ways = ", ".join(f"{speed.way} {speed.ratio:.3g} times" for speed in fastest)
    return f"against the Session: {ways} ({{doc}}`/speed`)"
