"""How well a TF1 name and the names of a TF2 variable agree."""

from __future__ import annotations

import functools
import re
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
        ("bias", "biases", "b", "bias_weights"),
        ("moving_mean", "mean"),
        ("moving_variance", "variance", "var"),
        ("embeddings", "embedding"),
        ("global_step", "step"),
        ("depthwise_kernel", "depthwise_weights"),
        ("pointwise_kernel", "pointwise_weights"),
    )
    for synonym in names
}


_LAYERS = (
    "dense|fully_connected|conv[123]d(?:_transpose)?|separable_conv[12]d|depthwise_conv2d|embedding|"
    "batch_norm(?:alization)?|layer_norm(?:alization)?|(?:basic_)?(?:lstm|gru|rnn)(?:_cell)?|"
    "cu_?dnn_?(?:lstm|gru)|simple_rnn(?:_cell)?|sequential|functional"
)
_AUTOMATIC = re.compile(rf"(?:{_LAYERS})(?:_\d+)?")
_CELL = re.compile(r"lstm|gru(?![a-z])|(?:^|/)rnn|rnn_cell|recurrent|(?:^|/)cell(?:_\d+)?$")
_GATED = re.compile(r"(?:recurrent_)?(?:kernel|bias|weights?|biases)|opaque_kernel|w_._diag")


def agreement(tf1: Variable, tf2: Variable) -> int:
    """Returns how well two names agree: one of the constants above."""
    path = _parts(tf1.name)
    return max(_agreement(path, _parts(name)) for name in _names(tf2))


def has_leaf(a: Variable, b: Variable) -> bool:
    """Whether the last part of a TF1 name is the last part of one of a TF2 variable's names."""
    return path_of(a)[-1] in {path[-1] for path in paths_of(b)}


def has_scope(a: Variable, b: Variable) -> bool:
    """Whether the last scope of a TF1 name is that of one of a TF2 variable's names."""
    return path_of(a)[-2:-1] in {path[-2:-1] for path in paths_of(b) if len(path) > 1}


def is_automatic_part(part: str) -> bool:
    """Whether a library made up this part of a name, and numbered it: "dense_1", "lstm_cell".

    The number depends on what else the program built, and says nothing about which layer it is.
    """
    return bool(_AUTOMATIC.fullmatch(part))


def is_recurrent(variable: Variable) -> bool:
    """Whether a name is that of a recurrent cell's kernel or bias, whose gates have an order."""
    *scopes, last = _parts(variable.name)
    text = "/".join(scopes)
    return bool(_CELL.search(text)) and bool(_GATED.fullmatch(last))


def is_cell(variable: Variable) -> bool:
    """Whether the last scope of a name is a recurrent cell's or a part of one: "lstm_cell"."""
    last = "/".join(_parts(variable.name)[-2:-1])
    return bool(_CELL.search(last)) or last in ("gates", "candidate", "projection")


def paths_of(variable: Variable) -> tuple[tuple[str, ...], ...]:
    """Returns the parts of each of a TF2 variable's names."""
    return tuple(_parts(name) for name in _names(variable))


def path_of(variable: Variable) -> tuple[str, ...]:
    """Returns the parts of a TF1 variable's name."""
    return _parts(variable.name)


def leaf_of(path: Sequence[str]) -> str:
    """Returns what the last part means: "kernel" also for "weights" and "w"."""
    last = path[-1].partition(":")[0]
    return _SYNONYMS.get(last, last)


def _names(tf2: Variable) -> tuple[str, ...]:
    return (unescaped(tf2.name), *tf2.aliases)


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
