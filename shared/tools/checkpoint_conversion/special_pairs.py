"""Pairs that something else than names tells: values, how partitions are read, hash tables."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, Variable
from shared.tools.checkpoint_conversion.files import digest
from shared.tools.checkpoint_conversion.layout_steps import Interleave
from shared.tools.checkpoint_conversion.layouts import Layout

if TYPE_CHECKING:
    from shared.tools.checkpoint_conversion.proposal import Proposal

_DEALT = (
    "partitioned: rows are dealt out in turn where the program reads it by embedding_lookup with "
    'its default strategy "mod", and in order otherwise: then name the pair in [variables] instead'
)


def arrange_partitions(proposal: Proposal) -> None:
    """Gives partitioned tables a layout: `embedding_lookup` deals their rows to the partitions."""
    evidence = proposal.evidence
    for name, names in list(proposal.sure.items()):
        variable = proposal.tf1.variables[name]
        dealt = name in evidence.dealt
        table = variable.partitions > 1 and len(variable.shape) == 2
        if table and len(names) == 1 and name not in evidence.in_order:
            del proposal.sure[name]
            steps = (Interleave(interleave=variable.partitions),)
            layout = Layout((name,), tuple(names), steps, unsure="" if dealt else _DEALT)
            proposal.layouts.append(layout)
    proposal.doubts = [
        dataclasses.replace(doubt, reason=f"{doubt.reason}; {_DEALT}")
        if proposal.tf1.variables[doubt.tf1].partitions > 1 and doubt.tf1 not in evidence.in_order
        else doubt
        for doubt in proposal.doubts
    ]


def pair_equal_values(proposal: Proposal) -> None:
    """Pairs variables with equal values that nothing else of their shape has.

    A tensor of one number, such as a bias of zeros, says nothing.
    """
    cells = proposal.cells()
    one, other = (
        _by_value(side, names)
        for side, names in zip((proposal.tf1, proposal.tf2), cells, strict=True)
    )
    for value, variables in one.items():
        if len(variables) == len(other.get(value, ())) == 1:
            proposal.add(variables[0], other[value][0])


def _by_value(contents: Contents, without: set[str]) -> dict[Hashable, list[Variable]]:
    found: dict[Hashable, list[Variable]] = collections.defaultdict(list)
    for variable in contents.with_purpose(roles.VARIABLE):
        if variable.name not in without and variable.dtype not in ("string", "resource"):
            tensor = contents.read(variable.name)
            array = np.asarray(tensor)
            if array.size > 1 and not (array == array.reshape(-1)[0]).all():
                found[variable.shape, variable.dtype, digest(tensor)].append(variable)
    return found


def pair_tables(proposal: Proposal) -> None:
    """Pairs the keys and the values of hash tables: TF1's are `name-keys` and `name-values`.

    A table that is alone on both sides is sure, and so is one whose name is its attribute in TF2.
    """
    one = _tables(proposal.tf1, "-keys", "-values")
    other = _tables(proposal.tf2, "/.ATTRIBUTES/table-keys", "/.ATTRIBUTES/table-values")
    alone = len(one) == len(other) == 1
    for name, tensors in one.items():
        fitting = [n for n in other if alone or name.split("/")[-1] == n.split("/")[-1]]
        for a, b in zip(tensors, other[fitting[0]], strict=True) if len(fitting) == 1 else ():
            if a.dtype == b.dtype:
                proposal.add(a, b)


def _tables(contents: Contents, keys: str, values: str) -> dict[str, tuple[Variable, Variable]]:
    """Returns the keys and the values of each hash table, by its name."""
    found = contents.variables
    names = [name[: -len(keys)] for name in found if name.endswith(keys)]
    return {n: (found[n + keys], found[n + values]) for n in names if n + values in found}
