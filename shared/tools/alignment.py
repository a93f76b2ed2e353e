"""Two files of a pair laid side by side: which lines are common, changed or on one side only."""

from __future__ import annotations

import dataclasses
import difflib
import itertools
import re
from collections.abc import Iterator, Sequence

STAGE = re.compile(r" *# ---- ([A-Z]+) -*$")  # the comment line that opens a stage
_DEFINITION = re.compile(r"(?: {4})?(?:class|def) \w+")  # at module level or in a class
_DECORATOR = re.compile(r"(?: {4})?@")
_WORD = re.compile(r"\w")
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
    """Aligns the lines of two texts; a line never leaves its stage, class, method or function.

    Where one text lacks a definition of the other, that definition belongs to the part before it.
    """
    left_parts, right_parts = _parts(left), _parts(right)
    left_keys, right_keys = ([key for key, _ in parts] for parts in (left_parts, right_parts))
    matcher = difflib.SequenceMatcher(None, left_keys, right_keys, autojunk=False)
    shared = [
        (block.a + index, block.b + index)
        for block in matcher.get_matching_blocks()
        for index in range(block.size)
    ]
    rows: list[Row] = []
    ends = [*shared[1:], (len(left_parts), len(right_parts))]
    for (left_start, right_start), (left_end, right_end) in zip(shared, ends, strict=True):
        rows.extend(
            _align_part(
                [line for _, part in left_parts[left_start:left_end] for line in part],
                [line for _, part in right_parts[right_start:right_end] for line in part],
            )
        )
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


def _parts(text: str) -> list[tuple[str, list[Line]]]:
    """Cuts a text where a stage, class, method or function begins; the key says which."""
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    parts: list[tuple[str, list[Line]]] = [("", [])]
    decorators: list[Line] = []
    for line in lines:
        if _DECORATOR.match(line.text):
            decorators.append(line)
            continue
        match = STAGE.match(line.text) or _DEFINITION.match(line.text)
        if match:
            parts.append((match[0].rstrip("- "), []))
        parts[-1][1].extend([*decorators, line])
        decorators = []
    parts[-1][1].extend(decorators)
    return parts


def _align_part(left: list[Line], right: list[Line]) -> Iterator[Row]:
    # Indentation is left out, so that a line finds its partner inside another block. Blank lines
    # and closing brackets are alike everywhere; as junk they match only beside lines that match.
    matcher = difflib.SequenceMatcher(
        lambda text: not _WORD.search(text),
        [line.text.strip() for line in left],
        [line.text.strip() for line in right],
        autojunk=False,
    )
    for _, left_start, left_end, right_start, right_end in matcher.get_opcodes():
        block = itertools.zip_longest(left[left_start:left_end], right[right_start:right_end])
        yield from (Row(*pair) for pair in block)
