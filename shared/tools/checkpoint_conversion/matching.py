"""Partners of variables of one shape, told by their names."""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.tools.checkpoint_conversion.contents import Variable
from shared.tools.checkpoint_conversion.names import is_automatic_part, leaf_of, path_of, paths_of

Part = tuple[str, Any]  # the meaning of a name's last part, and a scope or (name, number)
Matches = dict[str, tuple[Variable, ...]]  # partners by TF1 name
_NUMBERED = re.compile(r"(.*?)s?_?(\d+)")
# What a layer has one of, so that nothing else of one shape means the same.
_MEANINGS = ("beta", "gamma", "moving_mean", "moving_variance")


def _unique(variables: Iterable[Variable]) -> tuple[Variable, ...]:
    return tuple({variable.name: variable for variable in variables}.values())


def of_equal_paths(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables with the same path, by TF1 name."""
    by_path = collections.defaultdict(list)
    for b in tf2:
        for path in set(paths_of(b)):
            by_path[path].append(b)
    return {a.name: _unique(by_path.get(path_of(a), ())) for a in tf1}


def of_equal_endings(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables one of whose paths ends in the other's, by TF1 name."""
    by_path, by_ending = collections.defaultdict(list), collections.defaultdict(list)
    for b in tf2:
        for path in set(paths_of(b)):
            by_path[path].append(b)
            for start in range(len(path)):
                by_ending[path[start:]].append(b)
    found = {}
    for a in tf1:
        path = path_of(a)
        longer = by_ending.get(path, [])
        shorter = [b for start in range(1, len(path)) for b in by_path.get(path[start:], ())]
        found[a.name] = _unique([*longer, *shorter])
    return found


def of_shared_scopes(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables that share a part of a name that no other has, by TF1 name.

    A part is a scope or an attribute that a person named. A number counts where both sides have
    the same numbers: `block_0/kernel` is `blocks/0/kernel`, unless TF1 counts from 1.
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


def of_only_meaning(tf1: list[Variable], tf2: list[Variable]) -> Matches:
    """Returns the variables that alone on both sides are a beta, a moving mean, …, by TF1 name."""
    one, other = collections.defaultdict(list), collections.defaultdict(list)
    for a in tf1:
        one[leaf_of(path_of(a))].append(a)
    for b in tf2:
        for leaf in {leaf_of(path) for path in paths_of(b)}:
            other[leaf].append(b)
    alone = [leaf for leaf in _MEANINGS if len(one[leaf]) == len(other[leaf]) == 1]
    return {one[leaf][0].name: (other[leaf][0],) for leaf in alone}


def _parts_of(paths: Iterable[Sequence[str]]) -> set[Part]:
    """Returns parts of names with the meaning of the last; numbers as (name, number)."""
    found: set[Part] = set()
    for path in paths:
        leaf = leaf_of(path)
        for before, part in zip(("", *path[:-1]), path[:-1], strict=False):
            numbered = _NUMBERED.fullmatch(f"{before}_{part}" if part.isdigit() else part)
            if is_automatic_part(part):
                continue
            if numbered:
                found.add((leaf, (numbered[1].rstrip("s"), int(numbered[2]))))
            else:
                found.add((leaf, part))
    return found


def _numbers(sides: Iterable[set[Part]]) -> Mapping[Part, set[int]]:
    """Returns the numbers that stand behind each name."""
    found: dict[Part, set[int]] = collections.defaultdict(set)
    for leaf, part in (item for side in sides for item in side):
        if isinstance(part, tuple):
            found[leaf, part[0]].add(part[1])
    return found


def _only_owners(
    side: Mapping[str, set[Part]], numbers: Sequence[Mapping[Part, set[int]]]
) -> dict[Part, str]:
    """Returns the only variable that has a part, by part."""
    owners = collections.defaultdict(list)
    for name, parts in side.items():
        for leaf, part in parts:
            key = (leaf, part[0]) if isinstance(part, tuple) else None
            if key is None or numbers[0].get(key) == numbers[1].get(key):
                owners[leaf, part].append(name)
    return {part: names[0] for part, names in owners.items() if len(names) == 1}
