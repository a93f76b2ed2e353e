"""What each behaviour means that no symbol's name shows: read from `behaviours.toml`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from shared.tools import toml

_FILE = Path(__file__).with_name("behaviours.toml")


@dataclass(frozen=True)
class Behaviour:
    """A way of writing TensorFlow 1 that TensorFlow 2 runs differently.

    Attributes:
        name: such as "feed-dict".
        title: what was found, in a few words.
        write: what to write in TensorFlow 2.
        change: what becomes different.
        kind: one of `shared.tools.scan.verdicts.KINDS`.
        pitfalls: names that `pairs pitfalls` explains.
        concept: id of a page of the guide.
    """

    name: str
    title: str
    write: str
    change: str
    kind: str
    pitfalls: tuple[str, ...]
    concept: str


@functools.cache
def behaviours() -> dict[str, Behaviour]:
    """Returns every behaviour by name, in the order of the file."""
    table = toml.loads(_FILE.read_text(encoding="utf-8"))
    return {
        name: Behaviour(name, **{**entry, "pitfalls": tuple(entry["pitfalls"])})
        for name, entry in table.items()
    }
