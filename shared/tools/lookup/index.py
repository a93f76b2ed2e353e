"""The symbol index: what became of each TensorFlow 1 symbol, read from `symbols.toml`."""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.tools import toml
from shared.tools.lookup import known_names
from shared.tools.lookup.names import canonical

SYMBOLS_FILE = Path(__file__).with_name("symbols.toml")
MORE_FILES = [
    Path(__file__).with_name(f"symbols_{part}.toml")
    for part in ("rewritten", "everyday", "same", "contrib")
]

KINDS = {
    "unchanged": "the same name and arguments",
    "renamed": "another name, the same thing",
    "argument change": "other arguments or defaults",
    "new way": "written in another way",
    "compat.v1 only": "no name in TensorFlow 2's own tf.",
    "legacy Keras": "comes back with the package tf_keras and TF_USE_LEGACY_KERAS=1",
    "no longer needed": "nothing has to take its place",
    "gone": "no longer in TensorFlow, in tf.compat.v1 neither",
    "internal": "from inside TensorFlow, never part of its public names",
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
        given: code that defines what both styles use.
        old: TensorFlow 1 code; its last line is what `tf2` is compared with.
        then: TensorFlow 2 code after `tf2`, whose last line is what `tf2` gives; empty where `tf2`
            ends with an expression.
        tolerance: how far the two may be apart, relative to the largest number; None for the usual.
        is_specific: whether somebody wrote the answer, and not only the state was found.
    """

    name: str
    concept: str
    kind: str
    tf2: str
    change: str
    example: str | None = None
    pitfalls: tuple[str, ...] = ()
    is_family: bool = False
    given: str = ""
    old: str | None = None
    then: str = ""
    tolerance: float | None = None
    is_specific: bool = True

    @property
    def title(self) -> str:
        """The name as people write it; a family with `.*`."""
        return f"tf.{self.name}" + ".*" * self.is_family


@functools.cache
def symbols() -> dict[str, Symbol]:
    """Returns every symbol of the index by name, in the order of the file."""
    found = {}
    for file in (SYMBOLS_FILE, *MORE_FILES):
        for concept, entries in toml.loads(file.read_text(encoding="utf-8")).items():
            for key, entry in entries.items():
                found[key.removesuffix(".*")] = _symbol(concept, key, entry)
    return found


def _symbol(concept: str, key: str, entry: dict[str, Any] | str) -> Symbol:
    if isinstance(entry, str):  # a call that is the same in both
        entry = {
            "kind": "unchanged",
            "tf2": entry,
            "old": entry,
            "change": "The same call gives the same.",
        }
    return Symbol(
        name=key.removesuffix(".*"),
        concept=concept,
        kind=entry["kind"],
        tf2=entry["tf2"].strip(),
        change=entry["change"],
        example=entry.get("example"),
        pitfalls=tuple(entry.get("pitfalls", ())),
        is_family=key.endswith(".*"),
        given=entry.get("given", ""),
        old=entry.get("old"),
        then=entry.get("then", ""),
        tolerance=entry.get("tolerance"),
    )


def find(name: str) -> list[Symbol]:
    """Returns the symbols that a name means.

    That is the symbol of this name, else every symbol that ends in it: `tf.compat.v1.train.Saver`,
    `train.Saver` and `Saver` are the same. Every public name of TensorFlow 1.15 and of TensorFlow
    2 is known, and those of the members of classes; of what has no entry in the file, the answer
    rests on what trying the name showed. None when there is no such name.
    """
    from shared.tools.lookup.generated import answer

    name = canonical(name)
    found = answer(name)
    if found is not None:
        return [found]
    ending = [symbol for symbol in symbols().values() if symbol.name.endswith("." + name)]
    if ending:
        return ending
    others = sorted(other for other in known_names.everyday() if other.endswith("." + name))
    return [symbol for other in others if (symbol := answer(other)) is not None]


def close_matches(name: str) -> list[str]:
    """Returns up to three known names that look like `name`, best first."""
    known = [*symbols(), *(other for other in known_names.everyday() if other not in symbols())]
    by_text: dict[str, str] = {}
    for key in known:
        for text in (key.lower(), key.rpartition(".")[2].lower()):
            by_text.setdefault(text, key)
    close = difflib.get_close_matches(canonical(name).lower(), by_text, n=3)
    return list(dict.fromkeys(f"tf.{by_text[text]}" for text in close))


def anchor(symbol: Symbol) -> str:
    """Returns the id of a symbol's row in the guide's index: `tf-train-saver`.

    Of two names that differ in case only, the class ends in `-class`.
    """
    text = re.sub(r"[^a-z0-9]+", "-", f"tf-{symbol.name}".lower())
    *_, last = symbol.name.split(".")
    twin = symbol.name.removesuffix(last) + last.lower()
    return text + "-class" * (twin != symbol.name and twin in symbols())
