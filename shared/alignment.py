"""Two files of a pair laid side by side: which lines are common, changed or on one side only."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

STAGE = re.compile(r" *# ---- ([A-Z]+) -*$")  # the comment line that opens a stage
_TOKEN = re.compile(r"\w+|\s+|.")


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a file."""

    number: int  # counted from 1
    text: str


@dataclasses.dataclass(frozen=True)
class Row:
    """Lines that stand beside each other; None where one side has no line."""

    left: Line | None
    right: Line | None

    @property
    def common(self) -> bool:
        """Whether both sides have the same text."""
        return bool(self.left and self.right and self.left.text == self.right.text)


def align(left: str, right: str) -> list[Row]:
    """Aligns the lines of two texts; a line never moves to another stage than its own."""
    rows: list[Row] = []
    for left_part, right_part in itertools.zip_longest(_stages(left), _stages(right)):
        rows.extend(_align_part(left_part or [], right_part or []))
    return rows


def share_of_common_lines(rows: Sequence[Row]) -> float:
    """Returns how many of both files' non-blank lines are common, from 0 to 1."""
    lines = [line for row in rows for line in (row.left, row.right) if line and line.text.strip()]
    common = sum(row.common and bool(row.left and row.left.text.strip()) for row in rows)
    return 2 * common / len(lines) if lines else 1.0


def changed_spans(text: str, other: str) -> list[tuple[int, int]]:
    """Returns the (start, end) columns of `text` that `other` does not have, by whole words."""
    words, other_words = _TOKEN.findall(text), _TOKEN.findall(other)
    starts = list(itertools.accumulate(map(len, words), initial=0))
    matcher = difflib.SequenceMatcher(None, words, other_words, autojunk=False)
    return [
        (starts[begin], starts[end])
        for tag, begin, end, _, _ in matcher.get_opcodes()
        if tag != "equal" and begin < end
    ]


def _stages(text: str) -> list[list[Line]]:
    parts: list[list[Line]] = [[]]
    for number, line in enumerate(text.splitlines(), 1):
        if STAGE.match(line):
            parts.append([])
        parts[-1].append(Line(number, line))
    return parts


def _align_part(left: list[Line], right: list[Line]) -> Iterator[Row]:
    # Indentation is left out, so that a line finds its partner inside another block. Blank lines
    # are alike everywhere; as junk they are matched only beside lines that match.
    matcher = difflib.SequenceMatcher(
        lambda text: not text,
        [line.text.strip() for line in left],
        [line.text.strip() for line in right],
        autojunk=False,
    )
    for _, left_start, left_end, right_start, right_end in matcher.get_opcodes():
        block = itertools.zip_longest(left[left_start:left_end], right[right_start:right_end])
        yield from (Row(*pair) for pair in block)
