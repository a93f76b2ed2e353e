"""Cuts the aligned rows of a pair into stages, and these into common stretches and hunks."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence

from pair_pages.side_by_side.places import Place, places
from shared.tools.alignment import Line, Row, align

# Differing lines with fewer common lines between them are one hunk: the line of a `def` and its
# docstring do not part a changed decorator from a changed body.
_NEAR = 4
_SYMBOL = re.compile(r"\btf(?:\.\w+)+")


@dataclasses.dataclass(frozen=True)
class Hunk:
    """Rows from the first to the last that differ, all in one definition."""

    place: Place
    rows: tuple[Row, ...]

    @property
    def differing(self) -> str:
        """Both sides' lines that the other does not have at their place, for searching."""
        lines = [line.text for row in self.rows if differs(row) for line in sides(row)]
        return "\n".join(lines)

    @property
    def symbols(self) -> set[str]:
        """The TensorFlow names, such as `tf.Session`, that only one side of the hunk uses."""
        left, right = (
            {name for line in lines if line for name in _SYMBOL.findall(_code(line.text))}
            for lines in zip(*((row.left, row.right) for row in self.rows), strict=True)
        )
        return left ^ right


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Rows that both sides have in common, but for blank lines."""

    rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a pair, from its label to the next."""

    name: str
    parts: tuple[Hunk | Stretch, ...]

    @property
    def hunks(self) -> list[Hunk]:
        """Its hunks, in order."""
        return [part for part in self.parts if isinstance(part, Hunk)]


def stages(left: str, right: str) -> list[Stage]:
    """Aligns two style files and cuts them up; every line is in exactly one part.

    Raises:
        SyntaxError: a text is not Python.
    """
    rows = align(left, right)
    placed = list(zip(_places(rows, places(left), places(right)), rows, strict=True))
    return [
        Stage(name, tuple(_parts(list(group))))
        for name, group in itertools.groupby(placed, lambda item: item[0].stage)
    ]


def parts(left: str, right: str) -> tuple[Hunk | Stretch, ...]:
    """Aligns two texts of any kind and cuts them up, as if they were one definition."""
    return tuple(_parts([(Place("", ""), row) for row in align(left, right)]))


def differs(row: Row) -> bool:
    """Whether a reader would see a difference: a blank line beside nothing is none."""
    return not row.common and any(line.text.strip() for line in sides(row))


def sides(row: Row) -> list[Line]:
    """The lines of a row that are there."""
    return [line for line in (row.left, row.right) if line]


def _code(line: str) -> str:
    return re.sub(r"(^|\s)#.*", "", line)


def _places(
    rows: Sequence[Row], left: dict[int, Place], right: dict[int, Place]
) -> Iterator[Place]:
    """Yields a place for each row; what only one side defines has the left side's name for it."""
    both = {*left.values()} & {*right.values()}
    of_row = [
        [where[line.number] for line, where in ((row.left, left), (row.right, right)) if line]
        for row in rows
    ]
    one_sided: Place | None = None
    for index, found in enumerate(of_row):
        shared = next((place for place in found if place in both), None)
        if shared:
            one_sided = None
        elif one_sided is None or one_sided.stage != found[0].stage:
            run = itertools.takewhile(lambda each: not both.intersection(each), of_row[index:])
            names = [place for each in run for place in each]
            one_sided = next((place for place in names if place in left.values()), names[0])
        place = shared or one_sided
        assert place is not None
        yield place


def _parts(placed: list[tuple[Place, Row]]) -> Iterator[Hunk | Stretch]:
    start = 0
    for first, last in _runs(placed):
        if first > start:
            yield Stretch(tuple(row for _, row in placed[start:first]))
        start = last + 1
        yield Hunk(placed[first][0], tuple(row for _, row in placed[first:start]))
    if start < len(placed):
        yield Stretch(tuple(row for _, row in placed[start:]))


def _runs(placed: list[tuple[Place, Row]]) -> Iterator[tuple[int, int]]:
    """Yields the first and last index of each hunk."""
    first = last = None
    for index, (place, row) in enumerate(placed):
        if not differs(row):
            continue
        if first is not None and last is not None:
            between = [row for _, row in placed[last + 1 : index] if row.common]
            is_near = sum(bool(row.left and row.left.text.strip()) for row in between) < _NEAR
            if placed[first][0] == place and is_near:
                last = index
                continue
            yield first, last
        first = last = index
    if first is not None and last is not None:
        yield first, last
