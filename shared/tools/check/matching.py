"""Which variable of the port is which of the old program, and which slot and batch tensor."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import UsageError
from shared.tools import toml
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.values import Readable, Values
from shared.trace_recorder import TensorInfo

# The names that TensorFlow 1, its kernels and Keras give one kind of slot.
_KINDS = (
    {"m", "adam", "momentum", "accumulator", "accum", "velocity_m"},
    {"v", "adam_1", "velocity"},
    {"rms", "rmsprop", "velocity", "ms"},
    {"adagrad", "accumulator", "accum"},
    {"momentum", "rmsprop_1", "velocity", "mom"},
)


@dataclass(frozen=True)
class Match:
    """A variable of A, that of B, and why they are taken for one.

    `sure` unless nothing but a shape or the order of creation says so.
    """

    a: str
    b: str
    reason: str
    sure: bool


@dataclass(frozen=True)
class Matching:
    """Matches, and the variables that have none."""

    matches: tuple[Match, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]

    @property
    def names(self) -> dict[str, str]:
        """B's variable by A's."""
        return {match.a: match.b for match in self.matches}


def _shapes(side: Values) -> dict[str, tuple[int | None, ...]]:
    """Returns the shapes of the floating-point variables; of all, where none is one."""
    shapes = {t.name: t.shape for t in side.trace.tensors if t.stage == "variable"}
    floats = {n: s for n, s in shapes.items() if side.is_float("variable", n)}
    return floats or shapes


def _initial_value(side: Values, name: str) -> np.ndarray | None:
    return side.before("variable", name, side.first_step())


def match(a: Values, b: Values, given: Mapping[str, str] | None = None) -> Matching:
    """Proposes which variables are the same.

    In this order: as given; by equal names; by initial values that only one variable of each side
    has; by a shape that only one variable of each side has; by order of creation among those of one
    shape.

    Args:
        a: the reference.
        b: the candidate.
        given: matches to keep, by A's name.

    Raises:
        UsageError: a given name stands in neither trace, or the shapes differ.
    """
    shapes_a, shapes_b = _shapes(a), _shapes(b)
    found: dict[str, Match] = {}
    left_b = dict(shapes_b)

    def take(one: Match) -> None:
        found[one.a] = one
        left_b.pop(one.b, None)

    for name, other in (given or {}).items():
        _check_given(name, other, shapes_a, shapes_b)
        take(Match(name, other, "given", True))
    for rule in (_by_name, _by_value, _by_shape, _by_order):
        left_a = {n: s for n, s in shapes_a.items() if n not in found}
        for one in rule(a, b, left_a, left_b):
            take(one)
    only_a = tuple(n for n in shapes_a if n not in found)
    return Matching(tuple(found[n] for n in shapes_a if n in found), only_a, tuple(left_b))


Shapes = Mapping[str, tuple]


def _check_given(name: str, other: str, shapes_a: Shapes, shapes_b: Shapes) -> None:
    for wanted, shapes, side in ((name, shapes_a, "old"), (other, shapes_b, "new")):
        if wanted not in shapes:
            raise UsageError(f"--map: the {side} program has no variable {wanted!r}")
    if shapes_a[name] != shapes_b[other]:
        raise UsageError(
            f"--map: {name!r} is {list(shapes_a[name])} and {other!r} is {list(shapes_b[other])}"
        )


def _plain(name: str) -> str:
    """Returns a name without the ":0" of a tensor."""
    return re.sub(r":\d+$", "", name).strip("/")


def _by_name(a: Values, b: Values, left_a: Shapes, left_b: Shapes) -> list[Match]:
    by_plain = {_plain(n): n for n in left_b}
    pairs = [(n, by_plain.get(_plain(n))) for n in left_a]
    return [Match(n, o, "name", True) for n, o in pairs if o and left_a[n] == left_b[o]]


def _by_value(a: Values, b: Values, left_a: Shapes, left_b: Shapes) -> list[Match]:
    def keys(side: Values, names: Iterable[str]) -> dict[str, bytes]:
        """Returns shape and bytes of the initial values, by name; not of those with one number."""
        values = {n: _initial_value(side, n) for n in names}
        return {
            n: repr(v.shape).encode() + v.tobytes()
            for n, v in values.items()
            if v is not None and np.unique(v).size > 1
        }

    in_a, in_b = keys(a, left_a), keys(b, left_b)
    counts = Counter(in_a.values()) + Counter(in_b.values())
    by_value = {value: name for name, value in in_b.items()}
    return [
        Match(n, by_value[v], "value", True)
        for n, v in in_a.items()
        if v in by_value and counts[v] == 2
    ]


def _by_shape(a: Values, b: Values, left_a: Shapes, left_b: Shapes) -> list[Match]:
    in_a, in_b = Counter(left_a.values()), Counter(left_b.values())
    by_shape = {shape: name for name, shape in left_b.items()}
    return [
        Match(n, by_shape[s], "only one of its shape", False)
        for n, s in left_a.items()
        if in_a[s] == 1 and in_b[s] == 1
    ]


def _by_order(a: Values, b: Values, left_a: Shapes, left_b: Shapes) -> list[Match]:
    """Matches variables of one shape in order: those with the same last word first, then the rest.

    Only where both sides have as many of them.
    """
    found: list[Match] = []
    for key in (_role, lambda n: ""):
        used = {m.a for m in found}, {m.b for m in found}
        groups = _grouped(left_a, used[0], key), _grouped(left_b, used[1], key)
        for group, names in groups[0].items():
            others = groups[1].get(group, [])
            if len(names) == len(others):
                found += [
                    Match(n, o, "order of creation", False)
                    for n, o in zip(names, others, strict=True)
                ]
    return found


def _grouped(shapes: Shapes, used: set[str], key: Callable[[str], str]) -> dict[tuple, list[str]]:
    groups: dict[tuple, list[str]] = {}
    for name, shape in shapes.items():
        if name not in used:
            groups.setdefault((shape, key(name)), []).append(name)
    return groups


def _role(name: str) -> str:
    """Returns the last word of a name without its number: "kernel" also for "weights" and "w"."""
    word = re.split(r"[/.]", _plain(name))[-1].lower()
    word = re.sub(r"_?\d+$", "", word)
    same = {"weights": "kernel", "w": "kernel", "biases": "bias", "b": "bias"}
    return same.get(word, word)


# ---- a trace under other names ----------------------------------------------------------------


class Renamed:
    """A trace read under the names of another; what has no counterpart is left out."""

    def __init__(self, trace: Readable, names: Mapping[tuple[str, str], str]) -> None:
        """Takes (stage, name to read as) -> name in the trace; the loss stays."""
        self._trace, self._names = trace, dict(names)
        self.path, self.meta = trace.path, trace.meta
        self.steps, self.losses, self.loss_dtype = trace.steps, trace.losses, trace.loss_dtype
        infos = {(t.stage, t.name): t for t in trace.tensors}
        self.tensors: list[TensorInfo] = [
            infos[stage, inner]._replace(name=outer) for (stage, outer), inner in names.items()
        ]

    def records(self, stage: str, name: str) -> np.ndarray:
        """Returns what each step left of a tensor."""
        return self._trace.records(stage, self._names[stage, name])

    def whole_steps(self, stage: str, name: str) -> list[int]:
        """Returns the steps at which a tensor was kept whole."""
        if (stage, name) not in self._names:
            return []
        return self._trace.whole_steps(stage, self._names[stage, name])

    def whole(self, stage: str, name: str, step: int) -> np.ndarray:
        """Returns a tensor as it was at a step."""
        return self._trace.whole(stage, self._names[stage, name], step)


def rename(a: Values, b: Values, mapping: Matching) -> Renamed:
    """Returns B under A's names: variables, their gradients and slots, batches, logits."""
    names: dict[tuple[str, str], str] = {}
    has = {(t.stage, t.name) for t in b.trace.tensors}
    for of_a, of_b in mapping.names.items():
        for stage in ("gradient", "variable"):
            if (stage, of_b) in has:
                names[stage, of_a] = of_b
        names[("initial", f"variable/{of_a}")] = f"variable/{of_b}"
        for slot_a, slot_b in _match_slots(a, b, of_a, of_b):
            names["slot", slot_a] = slot_b
            names["initial", f"slot/{slot_a}"] = f"slot/{slot_b}"
    for of_a, of_b in _match_batch(a, b):
        names["batch", of_a] = of_b
    for of_a, of_b in _match_logits(a, b):
        names["logits", of_a] = of_b
    return Renamed(b.trace, {key: name for key, name in names.items() if (key[0], name) in has})


def _match_slots(a: Values, b: Values, of_a: str, of_b: str) -> list[tuple[str, str]]:
    in_a, in_b = a.slots_of(of_a), b.slots_of(of_b)
    ends_a = {s[len(of_a) + 1 :].lower(): s for s in in_a}
    ends_b = {s[len(of_b) + 1 :].lower(): s for s in in_b}
    found = {ends_a[e]: ends_b[e] for e in ends_a if e in ends_b}
    for end, slot in ends_a.items():
        for kind in _KINDS:
            others = [o for e, o in ends_b.items() if e in kind and o not in found.values()]
            if end in kind and slot not in found and len(others) == 1:
                found[slot] = others[0]
    return list(found.items())


def _match_batch(a: Values, b: Values) -> list[tuple[str, str]]:
    """Matches batch tensors by equal digests at the first common step, then by name and place."""
    steps = sorted(set(a.steps) & set(b.steps))
    first = steps[0] if steps else -1
    in_a, in_b = a.names("batch"), b.names("batch")

    def digest(side: Values, name: str) -> bytes | None:
        records = side.trace.records("batch", name)
        found = records[records["step"] == first]
        return found[0]["digest"].tobytes() if found.size else None

    digests = {name: digest(b, name) for name in in_b}
    found: dict[str, str] = {}
    for name in in_a:
        mine = digest(a, name)
        equal = [o for o, d in digests.items() if d == mine and d and o not in found.values()]
        if equal:
            found[name] = equal[0]
    for name in in_a:
        if name not in found and name in in_b and name not in found.values():
            found[name] = name
    left_a = [n for n in in_a if n not in found]
    left_b = [n for n in in_b if n not in found.values()]
    found.update(_in_order(a, b, left_a, left_b))
    return list(found.items())


def _match_logits(a: Values, b: Values) -> list[tuple[str, str]]:
    """Matches logits: the only ones, else those that are nearest at the first common step.

    Two programs may compute their cross entropies in another order. Where one has more of them,
    only logits that agree are taken for the same.
    """
    in_a, in_b = a.names("logits"), b.names("logits")
    if len(in_a) == 1 and len(in_b) == 1:
        return [(in_a[0], in_b[0])]
    steps = sorted(set(a.steps) & set(b.steps))
    apart = sorted(
        (distance, name, other)
        for name, other in itertools.product(in_a, in_b)
        if steps and (distance := _logits_apart(a, b, name, other, steps[0])) is not None
    )
    found: dict[str, str] = {}
    for distance, name, other in apart:
        agrees = len(in_a) == len(in_b) or distance <= _SAME_LOGITS
        if agrees and name not in found and other not in found.values():
            found[name] = other
    return list(found.items())


# Relative L2. Rounding moves the first logits by 1e-5 at most; other logits differ by tenths.
_SAME_LOGITS = 1e-3


def _logits_apart(a: Values, b: Values, name: str, other: str, step: int) -> float | None:
    x, y = a.get("logits", name, step), b.get("logits", other, step)
    if x is None or y is None or x.shape != y.shape:
        return None
    return relative_l2(x, y)


def _in_order(a: Values, b: Values, in_a: list[str], in_b: list[str]) -> dict[str, str]:
    """Matches batch tensors by their place, without scalars such as a rate that is fed."""
    ranks = [
        {t.name: len(t.shape) for t in side.trace.tensors if t.stage == "batch"} for side in (a, b)
    ]
    in_a = [n for n in in_a if ranks[0][n]]
    in_b = [n for n in in_b if ranks[1][n]]
    if len(in_a) != len(in_b):
        return {}
    return {
        n: o
        for n, o in zip(in_a, in_b, strict=True)
        if ranks[0][n] == ranks[1][o] and a.is_float("batch", n) == b.is_float("batch", o)
    }


# ---- the file ---------------------------------------------------------------------------------


def read_map(path: str) -> dict[str, str]:
    """Returns the matches of a TOML file's table `variables`.

    Raises:
        UsageError: it cannot be read, is no TOML, or has no such table of texts.
    """
    try:
        data = toml.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--map {path}: cannot be read: {error}") from error
    table = data.get("variables")
    if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
        raise UsageError(f"--map {path}: expected a table [variables] of texts, found none")
    return dict(table)


def map_text(mapping: Matching) -> str:
    """Returns the matches as TOML, with the reason beside each."""
    lines = ["# The variable of the new program for each of the old one.", "[variables]"]
    for found in mapping.matches:
        doubt = "" if found.sure else "?  "
        lines.append(f"{_quoted(found.a)} = {_quoted(found.b)}  # {doubt}{found.reason}")
    for word, names in (("old", mapping.only_a), ("new", mapping.only_b)):
        lines += [f"# in the {word} program only: {_quoted(name)}" for name in names]
    return os.linesep.join(lines) + os.linesep


def _quoted(name: str) -> str:
    return json.dumps(name)
