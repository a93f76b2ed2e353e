"""How well a TF1 name and the names of a TF2 variable agree."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from shared.tools.checkpoint_conversion.contents import Variable
from shared.tools.checkpoint_conversion.object_based import unescaped

SAME = 3  # the same path
ENDING = 2  # one path is the end of the other
LEAF = 1  # the last parts mean the same
UNLIKE = 0

# What tf.layers, Keras, Sonnet and hand-written code call the same thing.
_SYNONYMS = {
    synonym: names[0]
    for names in (
        ("kernel", "weights", "weight", "w"),
        ("bias", "biases", "b"),
        ("moving_mean", "mean"),
        ("moving_variance", "variance", "var"),
        ("embeddings", "embedding"),
        ("global_step", "step"),
    )
    for synonym in names
}


def agreement(tf1: Variable, tf2: Variable) -> int:
    """Returns how well two names agree: one of the constants above."""
    path = _parts(tf1.name)
    return max(_agreement(path, _parts(name)) for name in _names(tf2))


def likeness(tf1: Variable, tf2: Variable) -> float:
    """Returns how alike two names are, 0 to 1: their share of common pairs of letters (Dice)."""
    pairs = _letter_pairs(tf1.name)
    others = [_letter_pairs(name) for name in _names(tf2)]
    return max(2 * len(pairs & other) / (len(pairs) + len(other)) for other in others)


def _names(tf2: Variable) -> tuple[str, ...]:
    return (unescaped(tf2.name), *tf2.aliases)


@functools.cache  # every name is compared with every other of its shape
def _letter_pairs(name: str) -> frozenset[str]:
    path = "/".join(("", *_parts(name), ""))
    return frozenset(path[start : start + 2] for start in range(len(path) - 1))


@functools.cache
def _parts(name: str) -> tuple[str, ...]:
    """Returns the parts of a path; Keras writes some attributes with an underscore in front."""
    return tuple(part.lower().lstrip("_") for part in name.split("/"))


def _agreement(one: Sequence[str], other: Sequence[str]) -> int:
    shorter, longer = sorted((one, other), key=len)
    if one == other:
        return SAME
    if longer[-len(shorter) :] == shorter:
        return ENDING
    if _SYNONYMS.get(one[-1], one[-1]) == _SYNONYMS.get(other[-1], other[-1]):
        return LEAF
    return UNLIKE
