"""Finds the TF2 partner of each TF1 variable by names, among variables of one shape and dtype.

Each function `of_…` is one rule: it returns the TF2 variables that a TF1 variable may be, by TF1
name. The proposal takes two for a pair where there is no other choice.
"""

from __future__ import annotations

import collections
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.tools.checkpoint_conversion.contents import Variable
from shared.tools.checkpoint_conversion.names import is_automatic_part, leaf_of, path_of, paths_of

Part = tuple[str, Any]  # the meaning of a name's last part, and a scope or (scope, number)
Matches = dict[str, tuple[Variable, ...]]  # possible partners by TF1 name
_NUMBERED = re.compile(r"(.*?)s?_?(\d+)")
# A layer has only one of each of these.
_MEANINGS = ("beta", "gamma", "moving_mean", "moving_variance")
_WEIGHTS = ("kernel", "embeddings")  # the main variable of a layer
_KNOWN = {*_MEANINGS, *_WEIGHTS, "bias", "depthwise_kernel", "pointwise_kernel"}


def _unique(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    return tuple({variable.name: variable for variable in variables}.values())


def _named_paths(variable: Variable) -> set[tuple[str, ...]]:
    """Returns the paths of a variable in which no scope was named by a library, as `dense_1` is."""
    return {p for p in paths_of(variable) if not any(is_automatic_part(part) for part in p[:-1])}


def of_equal_paths(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables with the same path, in which a person named every scope."""
    by_path = collections.defaultdict(list)
    for b in tf2:
        for path in _named_paths(b):
            by_path[path].append(b)
    return {
        a.name: _unique(b for path in _named_paths(a) for b in by_path.get(path, ())) for a in tf1
    }


def of_equal_endings(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables whose path ends in the other's, whichever is the longer."""
    by_path, by_ending = collections.defaultdict(list), collections.defaultdict(list)
    for b in tf2:
        for path in _named_paths(b):
            by_path[path].append(b)
            for start in range(len(path)):
                by_ending[path[start:]].append(b)
    found = {}
    for a in tf1:
        longer, shorter = [], []
        for path in _named_paths(a):
            longer += by_ending.get(path, [])
            shorter += [b for start in range(1, len(path)) for b in by_path.get(path[start:], ())]
        found[a.name] = _unique([*longer, *shorter])
    return found


def of_shared_scopes(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables that share a part of a name that no other variable of a side has.

    A part is a scope or an attribute that a person named. One with a number is evidence where both
    sides have the same numbers: `block_0/kernel` is `blocks/0/kernel`, unless TF1 counts from 1.
    """
    one = {a.name: _parts_of([path_of(a)]) for a in tf1}
    other = {b.name: _parts_of(paths_of(b)) for b in tf2}
    numbers = [_numbers(side.values()) for side in (one, other)]
    owners = [_only_owners(side, numbers) for side in (one, other)]
    by_name = {b.name: b for b in tf2}
    found: dict[str, set[str]] = collections.defaultdict(set)
    for part, a_name in owners[0].items():
        if part in owners[1]:
            found[a_name].add(owners[1][part])
    return {a: tuple(by_name[b] for b in sorted(names)) for a, names in found.items()}


def of_equal_signatures(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables whose names have the same parts, of those that occur on both sides.

    `encoder/layer_0/attention/self/query/kernel` is `layer/0/attention/query/kernel` if layer 0,
    attention and query occur on both sides, encoder and self on one only, and nothing else has the
    same three. A kernel that TF1 has as a variable of its own, such as `layer0/filter`, is that of
    the layer `layer/0/filter`.
    """
    sides = _signatures(tf1, tf2)
    leaves = {b.name: {leaf_of(path) for path in paths_of(b)} for b in tf2}
    scopes = collections.Counter(a.name.rpartition("/")[0] for a in tf1)
    by_name = {b.name: b for b in tf2}
    by_signature: list[dict[frozenset[Any], list[str]]] = [{}, {}]
    for found, side in zip(by_signature, sides, strict=True):
        for name, signature in side.items():
            found.setdefault(signature, []).append(name)
    matches: dict[str, tuple[Variable, ...]] = {}
    for signature, names in by_signature[0].items():
        others = by_signature[1].get(signature, ())
        if len(names) == len(others) == 1 and signature - _KNOWN:
            a, b = names[0], others[0]
            alone = scopes[a.rpartition("/")[0]] == 1 and "/" in a
            if _may_be(leaf_of(a.lower().split("/")), leaves[b], signature, alone):
                matches[a] = (by_name[b],)
    return matches


def _signatures(tf1: list[Variable], tf2: list[Variable]) -> list[dict[str, frozenset[Any]]]:
    """Returns for each side, by name, the parts of the name that occur on both sides."""
    parts = [{v.name: _parts_of(paths_of(v)) for v in side} for side in (tf1, tf2)]
    leaves = [{v.name: {leaf_of(p) for p in paths_of(v)} for v in side} for side in (tf1, tf2)]
    numbers = [_numbers_anywhere(side.values()) for side in parts]
    sides = [
        {
            name: {part for _, part in own if _is_evidence(part, numbers)} | last[name]
            for name, own in side.items()
        }
        for side, last in zip(parts, leaves, strict=True)
    ]
    common = set().union(*sides[0].values()) & set().union(*sides[1].values())
    return [{name: frozenset(own & common) for name, own in side.items()} for side in sides]


def _may_be(leaf: str, leaves: set[str], signature: frozenset[Any], alone: bool) -> bool:
    """Whether TF1's last part may mean one of TF2's.

    A word that no library uses, such as "filter", may mean the kernel of a layer: where the layer
    has that name, which is then in the signature, or where the variable is `alone`, the only one of
    its shape in its scope. Keras's DepthwiseConv2D calls its depthwise kernel "kernel".
    """
    if leaf in leaves or (leaf == "depthwise_kernel" and "kernel" in leaves):
        return True
    return leaf not in _KNOWN and bool(leaves & set(_WEIGHTS)) and (leaf in signature or alone)


def of_only_meaning(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the beta, gamma, moving mean or variance that is the only one on both sides."""
    one, other = collections.defaultdict(list), collections.defaultdict(list)
    for a in tf1:
        one[leaf_of(path_of(a))].append(a)
    for b in tf2:
        for leaf in {leaf_of(path) for path in paths_of(b)}:
            other[leaf].append(b)
    alone = [leaf for leaf in _MEANINGS if len(one[leaf]) == len(other[leaf]) == 1]
    return {one[leaf][0].name: (other[leaf][0],) for leaf in alone}


def beside_pairs(
    sure: Mapping[str, Sequence[str]], tf2_variables: Mapping[str, Variable]
) -> Callable[[list[Variable], list[Variable]], Matches]:
    """Returns a rule for what is beside a sure pair: a bias belongs to the layer of its kernel.

    Args:
        sure: TF2 names by TF1 name.
        tf2_variables: all variables of TF2; a path that several of them have belongs to no layer.
    """
    counts = collections.Counter(p for v in tf2_variables.values() for p in set(paths_of(v)))

    def own(variable: Variable) -> set[tuple[str, ...]]:
        return {p for p in paths_of(variable) if counts[p] == 1 and len(p) > 1}

    scopes: dict[str, set[tuple[str, ...]]] = collections.defaultdict(set)
    for name, names in sure.items():
        for other in names:
            scopes[name.rpartition("/")[0]].update(p[:-1] for p in own(tf2_variables[other]))

    def matches(tf1: list[Variable], tf2: list[Variable]) -> Matches:
        waiting = collections.defaultdict(list)
        for b in tf2:
            for path in own(b):
                waiting[path[:-1], leaf_of(path)].append(b)
        found: dict[str, tuple[Variable, ...]] = {}
        for a in tf1:
            scope, leaf = a.name.rpartition("/")[0], leaf_of(path_of(a))
            beside = [b for s in scopes.get(scope, ()) for b in waiting.get((s, leaf), ())]
            found[a.name] = _unique(beside) if scope else ()
        return found

    return matches


def _parts_of(paths: Iterable[Sequence[str]]) -> set[Part]:
    """Returns the scopes of paths, each with the meaning of the last part; see `Part`.

    Joined scopes are among them: a layer of Keras has no "/" in its name, so that a port writes
    `down1/conv1` as `down1_conv1`.
    """
    return {
        (leaf_of(path), _numbered(part))
        for path in paths
        for part in (*_single(path), *_joined(path))
    }


def _numbered(part: str) -> Any:
    """Returns ("layer", 0) for "layer_0" or "layers_0", and a part without a number as it is."""
    match = _NUMBERED.fullmatch(part)
    return (match[1].rstrip("s"), int(match[2])) if match else part


def _single(path: Sequence[str]) -> Iterator[str]:
    """Yields the scopes of a path that a person named: "layers_0" for the 0 of `layers/0`."""
    scopes = path[:-1]
    for before, part in zip(("", *scopes), scopes, strict=False):
        if not is_automatic_part(part):
            yield f"{before}_{part}" if part.isdigit() else part


def _joined(path: Sequence[str]) -> Iterator[str]:
    """Yields the last scopes of a path as one name, where a person named them all."""
    scopes = path[:-1]
    for start in range(len(scopes) - 1):
        joined = scopes[start:]
        if not any(part.isdigit() or is_automatic_part(part) for part in joined):
            yield "_".join(joined)


def have_words_of_their_own(a: Variable, b: Variable) -> bool:
    """Whether each of two variables has a scope that a person named and that the other lacks.

    If `encoder/old` and `encoder/new` are the last ones left of their shape, they may be two
    things: one that was not ported, and one that TF1 does not have.
    """
    words, scopes = _words(path_of(a))
    for path in paths_of(b):
        other_words, other_scopes = _words(path)
        if other_scopes and (other_scopes <= words or scopes <= other_words):
            return False
    return True


def _words(path: Sequence[str]) -> tuple[set[Any], set[Any]]:
    """Returns all words of a path, joined scopes too, and the scopes that a person named."""
    # The `layers` of `layers/0` is an attribute that holds a list, and no scope of its own.
    lists = {part for part, behind in itertools.pairwise(path) if behind.isdigit()}
    words = {_numbered(part) for part in (*_single(path), *_joined(path), path[-1])}
    return words, {_numbered(part) for part in _single(path) if part not in lists}


Numbers = Mapping[str, set[tuple[int, ...]]]  # by a scope with # for its numbers


def numbers_of(variables: Iterable[Variable]) -> Numbers:
    """Returns the numbers of each scope: {(1,), (2,), (3,)} for "layer_#"."""
    found: dict[str, set[tuple[int, ...]]] = collections.defaultdict(set)
    for variable in variables:
        for scope, numbers in _numbered_scopes(variable):
            found[scope].add(numbers)
    return found


def are_numbered_alike(a: Variable, b: Variable, numbers: Sequence[Numbers]) -> bool:
    """Whether equal numbers may mean the same in all scopes that two variables share.

    They may not where each side has a number that the other lacks: with layers 1 to 3 in TF1 and 0
    to 2 in TF2, `layer_1` of one is `layer_0` of the other.

    Args:
        a: of TF1.
        b: of TF2.
        numbers: those of all variables of TF1, and those of TF2.
    """
    shared = {scope for scope, _ in _numbered_scopes(a)} & {s for s, _ in _numbered_scopes(b)}
    sides = ((numbers[0][scope], numbers[1][scope]) for scope in shared)
    return all(one <= other or other <= one for one, other in sides)


def _numbered_scopes(variable: Variable) -> Iterator[tuple[str, tuple[int, ...]]]:
    for path in paths_of(variable):
        for label in (*_single(path), *_joined(path)):
            numbers = re.findall(r"\d+", label)
            if numbers:
                yield re.sub(r"\d+", "#", label), tuple(map(int, numbers))


def _numbers_anywhere(names: Iterable[set[Part]]) -> Mapping[str, set[int]]:
    """Returns the numbers after each scope, whatever the last part of the name means."""
    found: dict[str, set[int]] = collections.defaultdict(set)
    for _, part in (item for parts in names for item in parts):
        if isinstance(part, tuple):
            found[part[0]].add(part[1])
    return found


def _is_evidence(part: Any, numbers: Sequence[Mapping[str, set[int]]]) -> bool:
    """Whether a part has no number, or both sides have the same numbers after its scope."""
    return not isinstance(part, tuple) or numbers[0].get(part[0]) == numbers[1].get(part[0])


def _numbers(names: Iterable[set[Part]]) -> Mapping[Part, set[int]]:
    """Returns the numbers after each scope, apart for each meaning of the last part."""
    found: dict[Part, set[int]] = collections.defaultdict(set)
    for leaf, part in (item for parts in names for item in parts):
        if isinstance(part, tuple):
            found[leaf, part[0]].add(part[1])
    return found


def _only_owners(
    side: Mapping[str, set[Part]], numbers: Sequence[Mapping[Part, set[int]]]
) -> dict[Part, str]:
    """Returns by part the only variable of a side that has it."""
    owners = collections.defaultdict(list)
    for name, parts in side.items():
        for leaf, part in parts:
            key = (leaf, part[0]) if isinstance(part, tuple) else None
            if key is None or numbers[0].get(key) == numbers[1].get(key):
                owners[leaf, part].append(name)
    return {part: names[0] for part, names in owners.items() if len(names) == 1}
