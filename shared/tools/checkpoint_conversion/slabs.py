"""Slabs: many rows of an array whose every row costs a pass over all of another array.

All slabs together have a limit. When a new one would exceed it, those that were used longest ago
are dropped. A reader that goes on in several places at once, as one that joins the four gates of an
LSTM does, finds each place where it left it.
"""

from __future__ import annotations

import dataclasses
import itertools
import weakref
from collections.abc import Callable

import numpy as np

MOST_BYTES = 256 * 2**20  # of all slabs together
_SLAB_BYTES = MOST_BYTES // 2
_PASSES = 8  # as many slabs make up an array, if the limits allow so few

_uses = itertools.count()


@dataclasses.dataclass
class _Slab:
    """Rows, and when they were last used."""

    rows: np.ndarray
    used: int


class Slabs:
    """The slabs of one array. They are dropped with it."""

    def __init__(self, length: int, row_bytes: int) -> None:
        """Decides how many rows a slab has.

        Args:
            length: how many rows the array has.
            row_bytes: size of a row.
        """
        self.length = length
        self.row_bytes = max(1, row_bytes)
        wanted = min(_SLAB_BYTES, length * row_bytes // _PASSES)
        self.height = max(1, wanted // self.row_bytes)
        self.kept: dict[int, _Slab] = {}
        _all.add(self)

    def rows(self, start: int, end: int, computed: Callable[[int, int], np.ndarray]) -> np.ndarray:
        """Returns rows of the slab that has them; computes one from there on where none does."""
        for first, slab in self.kept.items():
            if first <= start and end <= first + len(slab.rows):
                slab.used = next(_uses)
                return slab.rows[start - first : end - first]
        last = min(max(end, start + self.height), self.length)
        _make_room((last - start) * self.row_bytes)
        rows = computed(start, last)
        self.kept[start] = _Slab(rows, next(_uses))
        return rows[: end - start]


_all: weakref.WeakSet[Slabs] = weakref.WeakSet()


def kept_bytes() -> int:
    """Returns the size of all slabs."""
    return sum(slab.rows.nbytes for slabs in _all for slab in slabs.kept.values())


def _make_room(size: int) -> None:
    """Drops the slabs that were used longest ago until one more of `size` bytes is in the limit."""
    kept = [(slab.used, slabs, first) for slabs in _all for first, slab in slabs.kept.items()]
    excess = kept_bytes() + size - MOST_BYTES
    for _, slabs, first in sorted(kept, key=lambda item: item[0]):
        if excess <= 0:
            return
        excess -= slabs.kept.pop(first).rows.nbytes
