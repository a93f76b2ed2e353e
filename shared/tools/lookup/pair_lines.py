"""Where the pairs use a TensorFlow 1 symbol, and where its twin does that otherwise."""

from __future__ import annotations

import functools
import itertools
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.tools.alignment import STAGE, Row, align
from shared.tools.lookup.names import symbols_used

_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class PairLine:
    """One use of a symbol.

    Attributes:
        model: name of the pair.
        line: in the file of `tf1_style/`, from 1.
        stage: the stage it stands in, such as INPUTS; None above the first.
        twin_line: the line of code of the file of `tf2_style/` that stands beside it, or the
            nearest one of the same stage.
    """

    model: str
    line: int
    stage: str | None
    twin_line: int

    @property
    def file(self) -> str:
        """The TensorFlow 1 file, from the suite's folder."""
        return f"tf1_style/{self.model}.py"

    @property
    def twin(self) -> str:
        """The TensorFlow 2 file, from the suite's folder."""
        return f"tf2_style/{self.model}.py"


def by_stage(uses: Sequence[PairLine]) -> list[list[PairLine]]:
    """Returns the uses, those in one stage of one model together."""
    groups = itertools.groupby(uses, key=lambda use: (use.model, use.stage))
    return [list(group) for _, group in groups]


def pair_lines(name: str) -> Sequence[PairLine]:
    """Returns every line of the pairs that uses the symbol of this canonical name."""
    return _all_lines().get(name, ())


def names_in_pairs() -> set[str]:
    """Returns the canonical name of every TensorFlow symbol that `tf1_style/` uses."""
    return set(_all_lines())


@functools.cache
def _all_lines() -> dict[str, list[PairLine]]:
    found = defaultdict(list)
    for path in sorted((_ROOT / "tf1_style").glob("[!_]*.py")):
        source = path.read_text(encoding="utf-8")
        twin = (_ROOT / "tf2_style" / path.name).read_text(encoding="utf-8")
        stages, beside = _stages(source), _lines_beside(source, twin)
        for line, name in sorted(set(symbols_used(source))):
            stage = _stage_at(stages, line)
            found[name].append(PairLine(path.stem, line, stage, beside[line]))
    return dict(found)


def _stages(source: str) -> list[tuple[int, str]]:
    """The line and name of each stage, in order."""
    matches = ((number, STAGE.match(line)) for number, line in enumerate(source.splitlines(), 1))
    return [(number, match[1]) for number, match in matches if match]


def _lines_beside(source: str, twin: str) -> dict[int, int]:
    """By line of `source`: the line of code of `twin` in its row, or the nearest of its stage."""
    rows = align(source, twin)
    stages = _stages_of(rows)
    code = [
        (at, row.right.number)
        for at, row in enumerate(rows)
        if row.right and re.match(r" *[^\s#\"]", row.right.text)
    ]

    def beside(here: int) -> int:
        return min(code, key=lambda c: (stages[c[0]] != stages[here], abs(c[0] - here), -c[0]))[1]

    return {row.left.number: beside(at) for at, row in enumerate(rows) if row.left}


def _stages_of(rows: Sequence[Row]) -> list[str | None]:
    """The stage of each row; None above the first."""
    stage = None
    found = []
    for row in rows:
        opened = [STAGE.match(line.text) for line in (row.left, row.right) if line]
        stage = next((match[1] for match in opened if match), stage)
        found.append(stage)
    return found


def _stage_at(stages: Sequence[tuple[int, str]], line: int) -> str | None:
    """The stage in which a line stands; None above the first."""
    above = [name for start, name in stages if start <= line]
    return above[-1] if above else None
