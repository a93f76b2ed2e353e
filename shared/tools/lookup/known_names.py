"""The names of TensorFlow 1.15, and what the recorded TensorFlow 2 has of each.

Two files, each made by a command that it names: `names_1_15.json`, the public names of the real
1.15, and `states_2.json`, what trying them showed. Reading them takes no TensorFlow.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES_FILE = Path(__file__).with_name("names_1_15.json")
STATES_FILE = Path(__file__).with_name("states_2.json")


@dataclass(frozen=True)
class Recorded:
    """What trying a name showed when `states_2.json` was made.

    Attributes:
        code: one of `shared.tools.lookup.states.STATES`.
        renamed: the name under which TensorFlow 2 has the very same object; None without one.
        upgraded: the name that `tf_upgrade_v2` writes for one that is gone; None without one.
    """

    code: str
    renamed: str | None = None
    upgraded: str | None = None


@functools.cache
def what_it_is() -> dict[str, str]:
    """Returns every public name of 1.15, and whether it is a module, class, function or value."""
    return dict(_flat(_read(NAMES_FILE)["names"]))


def _flat(modules: dict[str, dict[str, list[str]]]) -> Iterator[tuple[str, str]]:
    """The names of a table by module and group, each with its group."""
    for module, groups in modules.items():
        for group, names in groups.items():
            for name in names:
                yield f"{module}.{name}" if module else name, group


def everyday() -> list[str]:
    """Returns the names of 1.15 but for those of `contrib` and of TensorFlow's inside."""
    apart = ("contrib.", "raw_ops.", "pywrap_tensorflow.")
    return [name for name in what_it_is() if not name.startswith(apart)]


def is_of_tf1(name: str) -> bool:
    """Whether 1.15 has the name, be it of a class's member."""
    return name in what_it_is() or member(name) is not None


def member(name: str) -> tuple[str, str] | None:
    """Returns the class and the member, if that is what the name is of."""
    owner, _, last = name.rpartition(".")
    return (owner, last) if last in members(owner) else None


@functools.cache
def members(owner: str) -> frozenset[str]:
    """Returns the public names that objects of a class of 1.15 have."""
    base, own = _read(NAMES_FILE)["members"].get(owner, ("", []))
    return frozenset(own) | (members(base) if base else frozenset())


def base(owner: str) -> str | None:
    """Returns the nearest public class above a class of 1.15, or its shorter name."""
    found: str = _read(NAMES_FILE)["members"].get(owner, ("", []))[0]
    return found or None


def aliases(name: str) -> list[str]:
    """Returns the other names that 1.15 had for the same function or class, best first."""
    groups, place = _aliases()
    return [other for other in groups.get(place.get(name, ""), []) if other != name]


@functools.cache
def _aliases() -> tuple[dict[str, list[str]], dict[str, str]]:
    groups = {first: [first, *others] for first, others in _read(NAMES_FILE)["aliases"].items()}
    return groups, {name: first for first, names in groups.items() for name in names}


def public_name(inside: str) -> str | None:
    """Returns the public name of what code imports from TensorFlow's inside.

    That of `python.ops.rnn_cell.LSTMCell` is `nn.rnn_cell.LSTMCell`; None where it has none.
    """
    module, _, name = inside.rpartition(".")
    for home, names in _read(NAMES_FILE)["inside"].get(module, {}).items():
        for text in names:
            here, _, there = text.partition("=")
            if here == name:
                return ".".join(filter(None, [home, there or here]))
    return None


def recorded(name: str) -> Recorded | None:
    """Returns what trying a name showed; None for one that neither 1.15 nor TensorFlow 2 has."""
    known = _states()
    if name in known:
        return known[name]
    pair = member(name)
    if pair is None:
        return None
    # Only those members are listed that are not what their class is.
    owner = known[pair[0]]
    if owner.renamed:
        return Recorded(owner.code, f"{owner.renamed}.{pair[1]}")
    return owner


def names_of_tf2() -> list[str]:
    """Returns the names that the recorded TensorFlow 2 has and 1.15 did not."""
    return [name for name, found in _states().items() if found.code == "new"]


def recorded_versions() -> tuple[str, str]:
    """Returns the versions of tensorflow and tf_keras that `states_2.json` was made with."""
    table = _read(STATES_FILE)
    return table["tensorflow"], table["tf_keras"]


@functools.cache
def _states() -> dict[str, Recorded]:
    table = _read(STATES_FILE)
    return {
        name: Recorded(code, table["renamed"].get(name), table.get("upgraded", {}).get(name))
        for name, code in _flat(table["states"])
    }


@functools.cache
def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
