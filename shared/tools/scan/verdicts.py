"""What became of a symbol that the scanned code uses, and what its use needs."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.tools.lookup import known_names
from shared.tools.lookup.same_calls import is_same
from shared.tools.pitfalls.pitfall import pitfalls
from shared.tools.scan import trying
from shared.tools.scan.images import RESIZING
from shared.tools.scan.old_names import OLD_NAMES

if TYPE_CHECKING:
    from shared.tools.lookup.index import Symbol
    from shared.tools.scan.facts import Arguments

# In the order of how much each asks for.
KINDS = {
    "unchanged": "works in TensorFlow 2 as it stands",
    "renamed": "another name, the same thing",
    "numbers change": "written in the obvious way, TensorFlow 2 gives other numbers",
    "behaviour changes": "other arguments, or written in another way",
    "with legacy Keras": "works with the package tf_keras and TF_USE_LEGACY_KERAS=1 only",
    "internal": "of TensorFlow's inside, which any release may move",
    "gone": "nothing of this name is left, not in tf.compat.v1 either",
}
_WITHOUT_ANSWER = {
    "gone": "Gone, and nothing in TensorFlow 2 has this name.",
    "unknown": "Not a name of TensorFlow 1.15 or 2: one from before 1.15, or a mistake.",
}


@dataclass(frozen=True)
class Verdict:
    """What became of one symbol.

    Attributes:
        symbol: as people write it, such as "tf.train.Saver".
        state: one of `shared.tools.lookup.states.STATES`, or "unknown".
        summary: the state in a few words.
        kind: one of `KINDS`.
        write: what to write in TensorFlow 2; None where nothing is known.
        change: what becomes different; empty where nothing does.
        pitfalls: names that `pairs pitfalls` explains.
        concept: id of a page of the guide; None without one.
        pair: file and line of its first use, or its class's, in the pairs, and of the twin's; None
            without one.
        note: what else to know about the name, such as its name since 1.0; may be empty.
    """

    symbol: str
    state: str
    summary: str
    kind: str
    write: str | None
    change: str
    pitfalls: tuple[str, ...]
    concept: str | None
    pair: tuple[str, str] | None
    note: str = ""


def is_known(path: str) -> bool:
    """Whether TensorFlow 1.15 or 2 has a name; `path` starts with "tf."."""
    name = path.removeprefix("tf.")
    return known_names.recorded(name) is not None or known_names.is_of_tf1(name)


def is_stray_member(path: str) -> bool:
    """Whether a path is of a class that 1.15 has, and is none of its members."""
    owner, _, last = path.removeprefix("tf.").rpartition(".")
    members = known_names.members(owner)
    return bool(members) and last not in members


def stands_for_member(path: str) -> bool:
    """Whether the class of a member answers for it.

    That is so where 1.15 does not list the members, and for the fields of a protocol buffer, which
    objects have and the class has not.
    """
    name = path.removeprefix("tf.")
    found = known_names.recorded(name)
    if found is None:
        return True
    return found.code == "gone" and "ParseFromString" in known_names.members(
        name.rpartition(".")[0]
    )


@functools.cache
def verdict(path: str) -> Verdict:
    """Returns what became of a symbol; `path` starts with "tf."."""
    from shared.tools.lookup.generated import answer

    name = path.removeprefix("tf.")
    now = OLD_NAMES.get(name)
    code = trying.state(name)[0]
    if code == "unknown" and now:
        code = "gone"
    symbol = answer(now or name)
    owner = _answer_of_class(now or name, symbol)
    kind = _kind(code, symbol)  # its own: not every member has the pitfalls of its class
    notes = [
        f"Since TensorFlow 1.0 it was tf.{now}." if now else "",
        f"What follows is about its class, tf.{owner.name}." if owner else "",
    ]
    symbol = owner or symbol
    return Verdict(
        symbol=f"tf.{name}",
        state=code,
        summary=trying.summary(code),
        kind=kind,
        write=symbol.tf2 or None if symbol else None,
        change=symbol.change if symbol else _WITHOUT_ANSWER.get(code, ""),
        pitfalls=symbol.pitfalls if symbol else (),
        concept=symbol.concept or None if symbol else None,
        pair=_pair(symbol.name if symbol else name),
        note=" ".join(filter(None, notes)),
    )


def kind_of_use(judged: Verdict, arguments: Arguments | None) -> str:
    """Returns the kind of one use, which its arguments may make less than that of its symbol.

    Args:
        judged: of the symbol.
        arguments: of the call; None where there is none, or where the text does not tell.
    """
    if arguments is None or judged.kind not in ("behaviour changes", "numbers change"):
        return judged.kind
    return "unchanged" if is_same(judged.symbol.removeprefix("tf."), *arguments) else judged.kind


def _kind(code: str, symbol: Symbol | None) -> str:
    if code == "internal":
        return "internal"
    if code == "legacy keras":
        return "with legacy Keras"
    if code in ("gone", "unknown"):
        return "gone"
    if symbol is None or (code == "same" and not symbol.is_specific):
        return "unchanged" if code in ("same", "new") else "behaviour changes"
    if symbol.kind in ("unchanged", "renamed"):
        return symbol.kind
    is_module = known_names.what_it_is().get(symbol.name) == "module"
    if is_module and code in ("changed", "keras 3"):
        return "unchanged"  # its members are uses of their own
    known = pitfalls()
    changes_numbers = any(known[name].changes_numbers for name in symbol.pitfalls)
    is_resizing = f"tf.{symbol.name}" in RESIZING
    return "numbers change" if changes_numbers or is_resizing else "behaviour changes"


def _answer_of_class(name: str, symbol: Symbol | None) -> Symbol | None:
    """The written answer for the class of a member that has none; None where it is not needed."""
    from shared.tools.lookup.generated import answer

    if symbol is None or symbol.is_specific or symbol.kind == "unchanged":
        return None
    pair = known_names.member(name)
    owner = answer(pair[0]) if pair else None
    return owner if owner is not None and owner.is_specific else None


def _pair(name: str) -> tuple[str, str] | None:
    from shared.tools.lookup.pair_lines import pair_lines

    owner = name.rpartition(".")[0]
    uses = pair_lines(name) or (pair_lines(owner) if known_names.members(owner) else ())
    if not uses:
        return None
    return f"{uses[0].file}:{uses[0].line}", f"{uses[0].twin}:{uses[0].twin_line}"
