"""The symbol index: what became of each TensorFlow 1 symbol, read from `symbols.toml`."""

from __future__ import annotations

import difflib
import functools
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from shared.tools.lookup.names import canonical

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SYMBOLS_FILE = Path(__file__).with_name("symbols.toml")

KINDS = {
    "unchanged": "the same name and arguments",
    "renamed": "another name, the same thing",
    "argument change": "other arguments or defaults",
    "new way": "written in another way",
    "gone": "nothing in TensorFlow took its place",
}


@dataclass(frozen=True)
class Symbol:
    """One TensorFlow 1 symbol.

    Attributes:
        name: without `tf.`; of a family, such as `estimator`, the part that its members share.
        concept: id of the page that explains what it belongs to.
        kind: one of `KINDS`.
        tf2: what to write in TensorFlow 2, as Python.
        change: what becomes different, a sentence or two.
        example: a smallest call, with which its state in the installed TensorFlow is tried.
        pitfalls: names that `pairs pitfalls` explains.
        is_family: whether it stands for all names below it that have no entry of their own.
    """

    name: str
    concept: str
    kind: str
    tf2: str
    change: str
    example: str | None = None
    pitfalls: tuple[str, ...] = ()
    is_family: bool = False

    @property
    def title(self) -> str:
        """The name as people write it; a family with `.*`."""
        return f"tf.{self.name}" + ".*" * self.is_family


@functools.cache
def symbols() -> dict[str, Symbol]:
    """Returns every symbol of the index by name, in the order of the file."""
    concepts = tomllib.loads(SYMBOLS_FILE.read_text(encoding="utf-8"))
    return {
        key.removesuffix(".*"): Symbol(
            name=key.removesuffix(".*"),
            concept=concept,
            kind=entry["kind"],
            tf2=entry["tf2"],
            change=entry["change"],
            example=entry.get("example"),
            pitfalls=tuple(entry.get("pitfalls", ())),
            is_family=key.endswith(".*"),
        )
        for concept, entries in concepts.items()
        for key, entry in entries.items()
    }


def find(name: str) -> list[Symbol]:
    """Returns the symbols that a name means.

    That is the symbol of this name, else the nearest family above it, else every symbol that ends
    in it: `tf.compat.v1.train.Saver`, `train.Saver` and `Saver` are the same. None when there is
    no such symbol.
    """
    name = canonical(name)
    known = symbols()
    if name in known:
        return [known[name]]
    family = name
    while family := family.rpartition(".")[0]:
        if family in known and known[family].is_family:
            # The state of this very name is wanted, not that of the family's example.
            return [replace(known[family], name=name, is_family=False, example=None)]
    return [symbol for symbol in known.values() if symbol.name.endswith("." + name)]


def close_matches(name: str) -> list[str]:
    """Returns up to three names of the index that look like `name`, best first."""
    known = symbols()
    by_text = {text: key for key in known for text in (key.rpartition(".")[2].lower(), key.lower())}
    close = difflib.get_close_matches(canonical(name).lower(), by_text, n=3)
    return list(dict.fromkeys(known[by_text[text]].title for text in close))


def anchor(symbol: Symbol) -> str:
    """Returns the id of a symbol's row in the guide's index: `tf-train-saver`.

    Of two names that differ in case only, the class ends in `-class`.
    """
    text = re.sub(r"[^a-z0-9]+", "-", f"tf-{symbol.name}".lower())
    *_, last = symbol.name.split(".")
    twin = symbol.name.removesuffix(last) + last.lower()
    return text + "-class" * (twin != symbol.name and twin in symbols())
