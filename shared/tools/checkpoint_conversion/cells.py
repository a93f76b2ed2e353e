"""Finds the recurrent cells in checkpoints of both styles, and pairs them."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.layouts import GATES, Recurrent, shapes

_TF1_ENDS = {
    "lstm": ("kernel", "bias"),
    "gru": ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias"),
}
_TF2_ENDS = ("kernel", "recurrent_kernel", "bias")
# An LSTM with these is not what a Keras LSTM computes.
_MORE = ("w_f_diag", "w_i_diag", "w_o_diag", "projection/kernel", "recurrent_kernel")


def recurrent_layouts(tf1: Contents, tf2: Contents) -> Iterator[Recurrent]:
    """Yields the cells of TF1 with those of Keras that have their shapes.

    Several of one shape are paired in order of their names, and are unsure.
    """
    for cell in GATES:
        one, other = _by_size(_tf1_cells(tf1, cell)), _by_size(_keras_cells(tf2))
        for size, tf1_cells in one.items():
            keras_cells = [
                c
                for (inputs, units), cells in other.items()
                for c in cells
                if tuple(shapes(cell, inputs, units)[0]) == size
                and shapes(cell, inputs, units)[1] == [v.shape for v in c]
            ]
            only = len(tf1_cells) == len(keras_cells) == 1
            unsure = "" if only else "several cells of this shape, in order of their names"
            for a, b in zip(tf1_cells, keras_cells, strict=False):
                names = tuple(v.name for v in a), tuple(v.name for v in b)
                yield Recurrent(cell, *names, unsure=unsure)


def _by_size(cells: Iterable[tuple[tuple, tuple[Variable, ...]]]) -> dict:
    found = collections.defaultdict(list)
    for size, cell in cells:
        found[size].append(cell)
    return found


def _tf1_cells(contents: Contents, cell: str) -> Iterator[tuple[tuple, tuple[Variable, ...]]]:
    ends = _TF1_ENDS[cell]
    for name in sorted(contents.variables, key=natural_order):
        prefix = name[: -len(ends[0])]
        names = [prefix + end for end in ends]
        more = any(prefix + other in contents.variables for other in _MORE)
        if prefix + ends[0] == name and all(n in contents.variables for n in names) and not more:
            found = tuple(contents.variables[n] for n in names)
            if all(v.role.kind == roles.VARIABLE for v in found):
                yield tuple(v.shape for v in found), found


def _keras_cells(contents: Contents) -> Iterator[tuple[tuple, tuple[Variable, ...]]]:
    by_path = {
        path: v
        for v in contents.variables.values()
        for path in (v.name, *v.aliases)
        if v.role.kind == roles.VARIABLE
    }
    seen = set()
    for path in sorted(by_path, key=natural_order):
        prefix = path.removesuffix("recurrent_kernel")
        names = [prefix + end for end in _TF2_ENDS]
        if prefix != path and all(n in by_path for n in names):
            found = tuple(by_path[n] for n in names)
            if found[1].name not in seen:
                seen.add(found[1].name)
                yield (found[0].shape[0], found[1].shape[0]), found
