"""The explanations of hunks: data in `docs/guide/hunks/*.toml`, a file a stage.

An explanation belongs to a place, a stage and a definition in it, and to certain texts: it stands
beside every hunk of that place, in every pair, whose differing lines hold all of these texts. So
one explanation serves all pairs that differ in the same way, and a line that changes or goes takes
its explanation with it, or is missed by a test. A hunk may have several, each for a part of it.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pair_pages.side_by_side.hunks import Hunk
from pair_pages.side_by_side.places import Place
from shared.errors import SuiteError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parents[3] / "hunks"


class ExplanationError(SuiteError):
    """A file of explanations cannot be used."""


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What replaces what in a hunk, why, and what breaks in a naive port."""

    place: Place
    title: str
    text: str  # Markdown
    has: tuple[str, ...]  # texts, all of which the differing lines must hold
    pairs: tuple[str, ...] = ()  # the only pairs that it is for; all when empty
    concepts: tuple[str, ...] = ()  # pages of docs/guide/concepts
    pitfalls: tuple[str, ...] = ()  # names that `pairs pitfalls` lists
    tests: tuple[str, ...] = ()  # as pytest names them: tests/test_x.py::test_y

    def fits(self, pair: str, hunk: Hunk) -> bool:
        """Whether it belongs beside a hunk of a pair."""
        return (
            self.place == hunk.place
            and (not self.pairs or pair in self.pairs)
            and all(text in hunk.differing for text in self.has)
        )


@dataclasses.dataclass(frozen=True)
class StageText:
    """What a stage is for, in both styles."""

    name: str
    title: str
    summary: str  # Markdown
    explanations: tuple[Explanation, ...]


def load(folder: Path = FOLDER) -> dict[str, StageText]:
    """Reads every file of `folder`; returns the texts of each stage by its name.

    Raises:
        ExplanationError: a file is not TOML, or lacks a key, or has an unknown one.
    """
    texts = (_read(path) for path in sorted(folder.glob("*.toml")))
    return {text.name: text for text in texts}


def fitting(texts: Iterable[StageText], pair: str, hunk: Hunk) -> list[Explanation]:
    """Returns the explanations that belong beside a hunk of a pair, in the order of the file."""
    return [each for text in texts for each in text.explanations if each.fits(pair, hunk)]


def unnamed_symbols(hunk: Hunk, explanations: Sequence[Explanation]) -> set[str]:
    """Returns the TensorFlow names on only one side of a hunk that no explanation names."""
    said = " ".join(f"{each.title} {each.text}" for each in explanations)
    return {symbol for symbol in hunk.symbols if f"`{symbol}" not in said}


def _read(path: Path) -> StageText:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        stage = data.pop("stage")
        explanations = tuple(_explanation(stage, entry) for entry in data.pop("hunk", []))
        return StageText(stage, explanations=explanations, **data)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ExplanationError(
            f"{path}: expected a stage with its hunks, found {reason}"
        ) from error


def _explanation(stage: str, entry: dict[str, Any]) -> Explanation:
    entry = {
        key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()
    }
    return Explanation(place=Place(stage, entry.pop("place")), **entry)
