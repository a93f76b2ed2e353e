"""Arrays that are computed a block of rows at a time, so that no large tensor is in memory twice.

A layout makes tensors of the target of tensors of the source. NumPy's functions would make a copy
at each step, several times the size of the largest tensor. A `Rows` only remembers the steps, and
answers for some of its rows; the steps of `layout_steps` call the same functions of NumPy for both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

_BLOCK_BYTES = 4 * 2**20
_RUNS = 64  # stretches of rows that are read one by one; of more, all between them is read
_ALIGNMENT = 64  # bytes; a tensor of TensorFlow shares memory that starts at a multiple

Shape = tuple[int, ...]


class Rows:
    """An array of one or more axes of which rows, along the first, are computed when asked for.

    Attributes:
        shape: of the whole.
        dtype: of NumPy.
        rows: returns the rows from one position to before another, an array.
    """

    def __init__(
        self, shape: Sequence[int], dtype: Any, rows: Callable[[int, int], np.ndarray]
    ) -> None:
        self.shape: Shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.rows = rows

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __array_function__(
        self, function: Callable, types: Any, arguments: Any, options: Mapping[str, Any]
    ) -> Any:
        """Does what NumPy's function would; NumPy calls this where an argument is a Rows."""
        known = _FUNCTIONS.get(function)
        return NotImplemented if known is None else known(*arguments, **options)

    def __add__(self, other: Any) -> Rows:  # noqa: D105
        return self._with(other, np.add)

    def __mul__(self, other: Any) -> Rows:  # noqa: D105
        return self._with(other, np.multiply)

    def __truediv__(self, other: Any) -> Rows:  # noqa: D105
        return self._with(other, np.divide)

    def _with(self, other: Any, operation: Callable) -> Rows:
        def rows(start: int, end: int) -> np.ndarray:
            value = other if np.shape(other) == () else _rows(other, start, end)
            return operation(self.rows(start, end), value).astype(self.dtype, copy=False)

        return Rows(self.shape, self.dtype, rows)


def block_rows(array: Any) -> int:
    """Returns how many rows of an array are read at a time, at least one."""
    return max(1, _BLOCK_BYTES // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))


def blocks(array: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the rows of an array in blocks, each with the position of its first row."""
    step = block_rows(array)
    for start in range(0, array.shape[0], step):
        yield start, _rows(array, start, min(start + step, array.shape[0]))


def whole(array: Any) -> np.ndarray:
    """Returns all of an array, in memory that a tensor of TensorFlow can share."""
    if not isinstance(array, Rows):
        return np.ascontiguousarray(array).reshape(np.shape(array))
    found = aligned(array.shape, array.dtype)
    for start, block in blocks(array):
        found[start : start + len(block)] = block
    return found


def aligned(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Returns an array with any content, whose memory TensorFlow may use as it is."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def are_equal(one: Any, other: Any) -> bool:
    """Whether two arrays have the same shape, dtype and bytes."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.shape:
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    return all(
        b.tobytes() == _rows(other, start, start + len(b)).tobytes() for start, b in blocks(one)
    )


def is_filled_with(array: Any, value: float) -> bool:
    """Whether every element of an array is this number."""
    expected = array.dtype.type(value)
    if not array.shape:
        return bool(array == expected)
    return all((block == expected).all() for _, block in blocks(array))


def _rows(array: Any, start: int, end: int) -> np.ndarray:
    return array.rows(start, end) if isinstance(array, Rows) else array[start:end]


def _split(array: Rows, places: Any, axis: int = 0) -> list[Rows]:
    axis %= array.ndim
    size = array.shape[axis]
    if np.ndim(places) == 0:
        places = [size // places * k for k in range(1, places)]
    bounds = [0, *(int(place) for place in places), size]
    return [_part(array, axis, *pair) for pair in itertools.pairwise(bounds)]


def _part(array: Rows, axis: int, first: int, last: int) -> Rows:
    shape = (*array.shape[:axis], last - first, *array.shape[axis + 1 :])
    if axis == 0:
        return Rows(shape, array.dtype, lambda start, end: array.rows(first + start, first + end))
    index = (*[slice(None)] * axis, slice(first, last))
    return Rows(shape, array.dtype, lambda start, end: array.rows(start, end)[index])


def _concatenate(arrays: Sequence[Any], axis: int = 0) -> Rows:
    axis %= len(arrays[0].shape)
    sizes = [array.shape[axis] for array in arrays]
    shape = (*arrays[0].shape[:axis], sum(sizes), *arrays[0].shape[axis + 1 :])
    ends = np.cumsum(sizes)

    def rows(start: int, end: int) -> np.ndarray:
        if axis:
            return np.concatenate([_rows(array, start, end) for array in arrays], axis=axis)
        found = []
        for array, size, last in zip(arrays, sizes, map(int, ends), strict=True):
            first = last - size
            if start < last and first < end:
                found.append(_rows(array, max(start, first) - first, min(end, last) - first))
        return np.concatenate(found) if found else np.empty((0, *shape[1:]), arrays[0].dtype)

    return Rows(shape, arrays[0].dtype, rows)


def _reshape(array: Rows, shape: Sequence[int]) -> Any:
    width, old_width = math.prod(shape[1:]), math.prod(array.shape[1:])
    if not shape or not old_width:
        return np.reshape(whole(array), shape)

    def rows(start: int, end: int) -> np.ndarray:
        first, last = start * width, end * width
        above = first // old_width
        flat = array.rows(above, -(-last // old_width)).reshape(-1)
        offset = above * old_width
        return flat[first - offset : last - offset].reshape(end - start, *shape[1:])

    return Rows(shape, array.dtype, rows)


def _transpose(array: Rows, axes: Sequence[int]) -> Any:
    """Needs all of the array for any row of the result: the only step that holds it twice."""
    return np.transpose(whole(array), axes)


def _take(array: Rows, indices: np.ndarray, axis: int = 0) -> Rows:
    axis %= array.ndim
    shape = (*array.shape[:axis], len(indices), *array.shape[axis + 1 :])
    if axis:
        return Rows(shape, array.dtype, lambda s, e: np.take(array.rows(s, e), indices, axis=axis))

    def rows(start: int, end: int) -> np.ndarray:
        wanted = indices[start:end]
        order = np.argsort(wanted)
        found = np.empty((end - start, *array.shape[1:]), array.dtype)
        for first, last in _stretches(wanted[order], block_rows(array)):
            places = order[np.searchsorted(wanted, first, sorter=order) :]
            places = places[wanted[places] < last]
            found[places] = array.rows(first, last)[wanted[places] - first]
        return found

    return Rows(shape, array.dtype, rows)


def _stretches(wanted: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Yields where to read so that all of some sorted positions are read, `most` at a time."""
    if not len(wanted):
        return
    gaps = np.flatnonzero(np.diff(wanted) > 1) + 1
    runs = np.split(wanted, gaps) if len(gaps) < _RUNS else [wanted]
    for run in runs:
        for first in range(int(run[0]), int(run[-1]) + 1, most):
            yield first, min(first + most, int(run[-1]) + 1)


_FUNCTIONS: Mapping[Callable, Callable] = {
    np.split: _split,
    np.concatenate: _concatenate,
    np.reshape: _reshape,
    np.transpose: _transpose,
    np.take: _take,
    np.shape: lambda array: array.shape,
    np.zeros_like: lambda array: np.zeros(array.shape, array.dtype),
}
