"""The idioms of a project, each with the pair that shows it both ways."""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.tools import toml

if TYPE_CHECKING:
    from shared.tools.scan.project import Finding

_FILE = Path(__file__).with_name("idioms.toml")

# The symbol at whose use a pair shows what the code of a behaviour does.
_SHOWN_AT = {"feed-dict": "tf.placeholder", "saver-of-some-variables": "tf.train.Saver"}


@dataclass(frozen=True)
class Idiom:
    """Something that a project does, in the way of TensorFlow 1.

    Attributes:
        name: what people call it.
        lesson: what takes its place.
        concept: id of a page of the guide.
        pair: file and line of `tf1_style/` and of its twin; None where no pair shows it.
        count: the number of places that show it.
        first: the first of them.
    """

    name: str
    lesson: str
    concept: str
    pair: tuple[str, str] | None
    count: int
    first: str


def idioms_of(findings: Iterable[Finding]) -> list[Idiom]:
    """Returns the idioms that uses and behaviour show, the most frequent first."""
    counts: collections.Counter[str] = collections.Counter()
    first: dict[str, str] = {}
    for finding in findings:
        if finding.what == "unresolved":
            continue
        for idiom in _shown_by(finding.name):
            counts[idiom] += 1
            first.setdefault(idiom, finding.place)
    return [
        Idiom(
            name=name,
            lesson=_table()[name]["lesson"],
            concept=_table()[name]["concept"],
            pair=_pair(tuple(_table()[name]["any"]), _table()[name].get("pair")),
            count=count,
            first=first[name],
        )
        for name, count in counts.most_common()
    ]


@functools.cache
def _table() -> dict[str, dict[str, str]]:
    return toml.loads(_FILE.read_text(encoding="utf-8"))


@functools.cache
def _shown_by(name: str) -> tuple[str, ...]:
    return tuple(
        idiom
        for idiom, entry in _table().items()
        if any(name == key or name.startswith(f"{key}.") for key in entry["any"])
    )


@functools.cache
def _pair(keys: tuple[str, ...], named: str | None = None) -> tuple[str, str] | None:
    """The first line of the pair that uses most of these symbols, a model before a script.

    With `named`, the first such line of the pair of that name.
    """
    from shared.models import SCRIPTS
    from shared.tools.lookup.pair_lines import names_in_pairs, pair_lines

    wanted = [_SHOWN_AT.get(key, key) for key in keys]
    lines = [
        line
        for name in sorted(names_in_pairs())
        for line in pair_lines(name)
        if any(f"tf.{name}" == key or f"tf.{name}".startswith(f"{key}.") for key in wanted)
    ]
    if named:
        lines = [line for line in lines if line.model == named]
    lines = [line for line in lines if line.model not in SCRIPTS] or lines
    if not lines:
        return None
    model = collections.Counter(line.model for line in lines).most_common(1)[0][0]
    chosen = min((line for line in lines if line.model == model), key=lambda line: line.line)
    return f"{chosen.file}:{chosen.line}", f"{chosen.twin}:{chosen.twin_line}"
