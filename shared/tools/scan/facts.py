"""What the analysis of one file finds, before modules are linked and states are tried."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from shared.tools.scan.values import Value


class Place(NamedTuple):
    """A line of a file, from 1, and a column, from 1, in characters."""

    line: int
    column: int


class Arguments(NamedTuple):
    """What a call gives: how many arguments by position, and which by name."""

    positional: int
    keywords: tuple[str, ...]


@dataclass(slots=True)
class Use:
    """One use of a symbol.

    Attributes:
        place: where it begins.
        value: a path of TensorFlow, or a reference into another module of the scanned code.
        written: as the code has it, such as "slim.conv2d".
        form: "name", "method", "import", "getattr" or "wildcard".
        arguments: of a call whose arguments the text tells; else None.
    """

    place: Place
    value: Value
    written: str
    form: str
    arguments: Arguments | None = None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that uses TensorFlow and whose symbol the text does not tell.

    Attributes:
        place: where it begins.
        written: as the code has it.
        reason: why, in a few words.
        likely: the symbol that the name suggests; None where it suggests none.
    """

    place: Place
    written: str
    reason: str
    likely: str | None = None


@dataclass(frozen=True, slots=True)
class FoundBehaviour:
    """A place that shows one of the behaviours of `behaviours.toml`.

    Attributes:
        place: where it begins.
        name: of the behaviour.
        written: what shows it, such as "feed_dict=".
    """

    place: Place
    name: str
    written: str


@dataclass(slots=True)
class Facts:
    """What one file contains.

    Attributes:
        path: of the file, from the scanned folder.
        module: its dotted name, such as "models.cnn".
        parser: with which it was parsed; "" where it was not.
        lines: their number.
        mentions: whether its text names TensorFlow.
        uses: of symbols, in the order in which they were visited.
        unresolved: uses whose symbol the text does not tell.
        behaviours: that no symbol's name shows.
        exports: module-level names and what they stand for, TensorFlow's and references only.
        wildcards: modules of which it imports all names: "tf.…" or a local module's name.
        imports: local modules that it imports, by dotted name.
        cells: of a notebook, the cell and line of each line.
        updates_in_place: whether a call says updates_collections=None, which runs the updates of
            batch normalization with the layer.
    """

    path: str
    module: str
    parser: str = ""
    lines: int = 0
    mentions: bool = False
    uses: list[Use] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)
    behaviours: list[FoundBehaviour] = field(default_factory=list)
    exports: dict[str, Value] = field(default_factory=dict)
    wildcards: list[str] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    cells: list[tuple[int, int]] | None = None
    updates_in_place: bool = False

    def count_characters(self, text: str) -> None:
        """Makes the columns, which parsers count in bytes of UTF-8, those of characters."""
        if text.isascii():
            return
        lines = [line.encode("utf-8", "replace") for line in text.split("\n")]

        def moved(place: Place) -> Place:
            before = lines[place.line - 1][: place.column - 1]
            return Place(place.line, len(before.decode("utf-8", "replace")) + 1)

        self.uses = [replace(use, place=moved(use.place)) for use in self.uses]
        self.behaviours = [replace(each, place=moved(each.place)) for each in self.behaviours]
        self.unresolved = [replace(each, place=moved(each.place)) for each in self.unresolved]
