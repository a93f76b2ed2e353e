"""Finds the recurrent cells in checkpoints of both styles, and pairs them."""

from __future__ import annotations

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.layouts import CELLS, Layout, Recurrent, shapes
from shared.tools.checkpoint_conversion.names import is_automatic_part, is_recurrent, paths_of

# An LSTM with these is not what a Keras LSTM computes: a type with more tensors stands earlier.
_CELL_TYPES = sorted(CELLS, key=lambda cell_type: -len(CELLS[cell_type].tf1))
_MORE = ("w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel", "recurrent_kernel")
# Other names of what Keras's cells of other releases and hand-written cells hold.
_ALSO = {"projection_kernel": ("projection_kernel", "projection/kernel", "projection")}
_DIRECTION = re.compile(r"(?:(fw)|(bw)|(forward|backward)_\w+)")
_CHAINED = re.compile(
    r"(.*_operations)/(\d+)/(?:(?:forward|backward)_layer/)?(?:cell/)?recurrent_kernel"
)
_COMPATIBLE = re.compile(r"cudnn_compatible_lstm_cell")


@dataclasses.dataclass(frozen=True)
class _Found:
    """The tensors of a cell, and the parts of names that tell it from its like."""

    tensors: tuple[Variable, ...]
    tokens: frozenset[str]


def proposed_layouts(tf1: Contents, tf2: Contents) -> Iterator[Layout]:
    """Yields the cells of TF1 with those of TF2 that have their shapes."""
    taken: set[str] = set()
    taken_there: set[str] = set()
    cells_of = functools.cache(lambda ends: list(_tf2_cells(tf2, ends)))
    for cell_type in _CELL_TYPES:
        groups = collections.defaultdict(list)
        for cell in _tf1_cells(tf1, cell_type):
            if taken & {v.name for v in cell.tensors}:
                continue
            groups[tuple(v.shape for v in cell.tensors)].append(cell)
        for size, cells in groups.items():
            fitting = [
                other
                for other in cells_of(CELLS[cell_type].tf2)
                if not taken_there & {v.name for v in other.tensors}
                and _fits(cell_type, size, other)
            ]
            for a, b, doubt in _paired(cells, fitting):
                taken.update(v.name for v in a.tensors)
                taken_there.update(v.name for v in b.tensors)
                yield _layout(cell_type, a, b, doubt)


def _layout(cell_type: str, a: _Found, b: _Found, doubt: str) -> Recurrent:
    tf1, tf2 = (tuple(v.name for v in cell.tensors) for cell in (a, b))
    if cell_type == "lstm_projection":
        doubt = doubt or "no layer of Keras projects: check that the port has the gates i, f, c, o"
    elif not is_recurrent(a.tensors[0]):
        doubt = doubt or "by shapes alone: no name says that it is a recurrent cell"
    bias = 0.0 if _COMPATIBLE.search(tf1[0]) else 1.0
    return Recurrent(tf1, tf2, unsure=doubt, cell=cell_type, forget_bias=bias)


def _fits(cell_type: str, tf1: tuple, cell: _Found) -> bool:
    kernel, recurrent = (v.shape for v in cell.tensors[:2])
    if len(kernel) < 2 or len(recurrent) < 2 or (cell_type == "conv_lstm") != (len(kernel) > 2):
        return False
    units = recurrent[-1] // CELLS[cell_type].gates
    one, other = shapes(cell_type, kernel[-2], units, recurrent[-2], kernel[:-2])
    square = cell_type == "lstm_projection" or recurrent[-2] == units
    return square and tuple(one) == tf1 and other == [v.shape for v in cell.tensors]


def _paired(tf1: Sequence[_Found], tf2: Sequence[_Found]) -> Iterator[tuple[_Found, _Found, str]]:
    """Yields pairs of cells of one type and shape, each with the reason to doubt it.

    Sure is the only one there is, and what shares more of its name with its partner than either
    does with any other: a direction, the number in a stack, a scope. The rest is in order of names.
    """
    tf1, tf2 = sorted(tf1, key=_order), sorted(tf2, key=_order)
    if len(tf1) == len(tf2) == 1:
        yield tf1[0], tf2[0], ""
        return
    tokens = _ranked(tf1, tf2)
    shared = [[len(a.tokens & tokens[j]) for j in range(len(tf2))] for a in tf1]
    left = list(range(len(tf2)))
    doubtful = []
    for i, row in enumerate(shared):
        best = max(row, default=0)
        column = [r[row.index(best)] for r in shared] if row else []
        if best and row.count(best) == 1 and max(column) == best and column.count(best) == 1:
            left.remove(row.index(best))
            yield tf1[i], tf2[row.index(best)], ""
        else:
            doubtful.append(tf1[i])
    for a, j in zip(doubtful, left, strict=False):
        yield a, tf2[j], "several cells of this shape, in order of their names"


def _order(cell: _Found) -> list[tuple[int, str]]:
    return natural_order(cell.tensors[0].name)


def _ranked(tf1: Sequence[_Found], tf2: Sequence[_Found]) -> list[frozenset[str]]:
    """Returns TF2's tokens, with the number that a cell has in a chain of layers.

    `MultiRNNCell` is a chain. Where its cells are as many as layers of one functional or
    sequential model of Keras, which numbers these in the order of computation, they are that chain.
    """
    numbers = [_operation(cell) for cell in tf2]
    ranks = sorted({number for _, number in numbers})
    stacked = {t for cell in tf1 for t in cell.tokens if t.startswith("#")}
    one_model = len({model for model, _ in numbers}) == 1 and numbers[0][0] is not None
    chained = all(cell.tokens & stacked for cell in tf1)
    if not (one_model and chained and len(tf1) == len(tf2) and len(stacked) == len(ranks)):
        return [cell.tokens for cell in tf2]
    names = sorted(stacked, key=natural_order)
    return [
        cell.tokens | {names[ranks.index(number)]}
        for cell, (_, number) in zip(tf2, numbers, strict=True)
    ]


def _operation(cell: _Found) -> tuple[str | None, int]:
    """Returns the model that numbers a cell's layer, and the number."""
    for name in (cell.tensors[1].name, *cell.tensors[1].aliases):
        match = _CHAINED.fullmatch(name)
        if match:
            return match[1], int(match[2])
    return None, 0


def _tokens(paths: Iterable[Sequence[str]]) -> frozenset[str]:
    """Returns the parts of names that a person chose, directions, and numbers in a stack."""
    found = set()
    for path in paths:
        for before, part in zip(("", *path[:-1]), path[:-1], strict=False):
            stacked = re.fullmatch(r"cell_(\d+)", part)
            if stacked:
                found.add(f"#{stacked[1]}")
            elif part.isdigit() and before == "cells":
                found.add(f"#{part}")
            elif not is_automatic_part(part) and not part.isdigit():
                found.add(_direction(part) or part)
    return frozenset(found)


def _direction(part: str) -> str | None:
    """Returns which way a cell runs: TF1's scopes are fw and bw, Keras's layers forward_… ."""
    match = _DIRECTION.fullmatch(part)
    return match and ("forward" if match[1] else "backward" if match[2] else match[3])


def _tf1_cells(contents: Contents, cell_type: str) -> Iterator[_Found]:
    ends = CELLS[cell_type].tf1
    others = [end for end in _MORE if end not in ends]
    for name in contents.variables:
        prefix = name[: -len(ends[0])]
        names = [prefix + end for end in ends]
        if not name.endswith(ends[0]) or any(n not in contents.variables for n in names):
            continue
        if any(prefix + other in contents.variables for other in others):
            continue
        found = tuple(contents.variables[n] for n in names)
        if all(v.role.purpose == roles.VARIABLE for v in found):
            yield _Found(found, _tokens([name.lower().split("/")]))


def _tf2_cells(contents: Contents, ends: Sequence[str]) -> Iterator[_Found]:
    by_path = {
        path: v
        for v in contents.variables.values()
        for path in (v.name, *v.aliases)
        if v.role.purpose == roles.VARIABLE
    }
    counts = collections.Counter(path for v in contents.variables.values() for path in v.aliases)
    seen = set()
    for path in sorted(by_path, key=natural_order):
        prefix = path.removesuffix("recurrent_kernel")
        if prefix == path or counts[path] > 1:
            continue  # a name that several layers share is no path of one
        found = tuple(v for end in ends if (v := _at(by_path, prefix, end)) is not None)
        if len(found) == len(ends) and found[1].name not in seen:
            seen.add(found[1].name)
            yield _Found(found, _tokens(paths_of(found[1])))


def _at(by_path: dict[str, Variable], prefix: str, end: str) -> Variable | None:
    names = [prefix + name for name in _ALSO.get(end, (end,))]
    return next((by_path[name] for name in names if name in by_path), None)
