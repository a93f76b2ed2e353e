"""The answer for any public name: an entry of the index, or what trying the name showed."""

from __future__ import annotations

import functools
from dataclasses import replace

from shared.tools.lookup import known_names
from shared.tools.lookup.index import Symbol, symbols
from shared.tools.lookup.known_names import Recorded

# The kind of a name without an entry, by what trying it showed.
_KIND = {
    "same": "unchanged",
    "new": "unchanged",
    "changed": "argument change",
    "keras 3": "argument change",
    "compat": "compat.v1 only",
    "named": "compat.v1 only",
    "graph only": "compat.v1 only",
    "raises": "compat.v1 only",
    "legacy keras": "legacy Keras",
    "gone": "gone",
}

_CHANGE = {
    "same": "The same {what}.",
    "new": "A name of TensorFlow 2 that TensorFlow 1.15 did not have.",
    "changed": "TensorFlow 2 has another {what} of this name: compare arguments and defaults.",
    "keras 3": "Keras 3 has its own {what} of this name: compare arguments and defaults.",
    "compat.v1 only": "In tf.compat.v1 only; native TensorFlow 2 has no {what} like it.",
    "legacy Keras": "With the package tf_keras and TF_USE_LEGACY_KERAS=1 it works in TensorFlow 2.",
    "gone": "Gone, and nothing in TensorFlow 2 has this name.",
}


@functools.cache
def answer(name: str) -> Symbol | None:
    """Returns the answer for a canonical name; None when neither TensorFlow has it.

    It is the entry of this name, or of another name that TensorFlow 1.15 had for the same thing,
    or for a class's member that of the class above; else one made from the recorded state. A
    family never answers for its members: what is known of the whole is said to be of the whole.
    """
    if name in symbols():
        return symbols()[name]
    if is_inside(name):
        return _inside(name)
    found = known_names.recorded(name)
    if found is None:
        return None
    entry = _entry_of_the_same(name)
    if entry is not None:
        text = f"In 1.15 the same as tf.{entry.name}. {entry.change}"
        return replace(entry, name=name, change=text, example=_example(entry, name))
    return _from_state(name, found)


def is_inside(name: str) -> bool:
    """Whether a canonical name is of `tensorflow.python`, or of the inside of `tf.contrib`."""
    return name.startswith("python.") or (name.startswith("contrib.") and ".python" in name)


def _entry_of_the_same(name: str) -> Symbol | None:
    for other in known_names.aliases(name):
        if other in symbols():
            return symbols()[other]
    pair = known_names.member(name)
    if pair is None or name in known_names.what_it_is():
        return None
    owner: str | None = pair[0]
    while owner := known_names.base(owner or ""):
        if f"{owner}.{pair[1]}" in symbols():
            return symbols()[f"{owner}.{pair[1]}"]
    return None


def _example(entry: Symbol, name: str) -> str | None:
    """The entry's example, if the name can be put in its place."""
    if entry.example is None or f"tf.{entry.name}" not in entry.example:
        return None
    return entry.example.replace(f"tf.{entry.name}", f"tf.{name}")


def _inside(name: str) -> Symbol:
    """The answer for a name of `tensorflow.python`."""
    public = known_names.public_name(name)
    found = answer(public) if public else None
    if found is None:
        text = "Not a public name of TensorFlow: any release may move or change it."
        return Symbol(name, "", "internal", "", text, is_specific=False)
    text = f"Inside TensorFlow; its public name is tf.{found.name}. {found.change}"
    return replace(found, name=name, kind="internal", change=text, example=None, is_specific=False)


def _from_state(name: str, found: Recorded) -> Symbol:
    family = _family(name)
    kind = "renamed" if found.renamed or found.upgraded else _KIND[found.code]
    return Symbol(
        name=name,
        concept=family.concept if family else _concept(kind),
        kind=kind,
        tf2=_code(name, found, family),
        change=_change(name, found, kind, family),
        pitfalls=family.pitfalls if family else (),
        is_specific=False,
    )


def _family(name: str) -> Symbol | None:
    """The nearest entry that stands for all below it."""
    while name := name.rpartition(".")[0]:
        if name in symbols() and symbols()[name].is_family:
            return symbols()[name]
    return None


def _concept(kind: str) -> str:
    return "legacy-keras" if kind == "legacy Keras" else "renames"


def _code(name: str, found: Recorded, family: Symbol | None) -> str:
    """What to write; nothing where nothing is left to write."""
    if found.renamed or found.upgraded:
        return f"tf.{found.renamed or found.upgraded}"
    if found.code in ("same", "new", "changed", "keras 3"):
        return f"tf.{name}"
    return "" if found.code == "gone" else f"tf.compat.v1.{name}"


def _change(name: str, found: Recorded, kind: str, family: Symbol | None) -> str:
    if found.upgraded:
        return f"Gone; tf_upgrade_v2 writes tf.{found.upgraded}. Compare arguments and defaults."
    if kind == "renamed":
        return f"The same {_what(name)} under another name."
    if found.code == "gone" and family is not None:
        of_all = "" if family.name == "contrib" else f" Of tf.{family.name} as a whole: "
        return f"Gone; no replacement of its own is known.{of_all or ' '}{family.change}"
    other = next(iter(known_names.aliases(name)), None)
    hint = f" tf.{other} was the same {_what(name)}." if other and found.code == "gone" else ""
    return _CHANGE.get(found.code, _CHANGE.get(kind, "")).format(what=_what(name)) + hint


def _what(name: str) -> str:
    what = known_names.what_it_is().get(name, "name")
    return {"value": "object"}.get(what, what)
