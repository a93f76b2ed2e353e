"""Arrays that are computed a block of rows at a time, so that no large tensor is in memory twice.

A layout makes tensors of the target of tensors of the source. NumPy's functions would make a copy
at each step, several times the size of the largest tensor. A `Rows` only remembers the steps, and
answers for some of its rows; the steps of `layout_steps` call the same functions of NumPy for both.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from shared.tools.checkpoint_conversion.slabs import Slabs

_BLOCK_BYTES = 4 * 2**20
_RUNS = 64  # stretches of rows that are read one by one; of more, all between them is read
LARGE_BYTES = 16 * 2**20  # a smaller tensor may well be in memory twice
_ALIGNMENT = 64  # bytes; a tensor of TensorFlow shares memory that starts at a multiple
_SHARED_KINDS = "biufc"  # NumPy's own kinds of numbers, which DLPack knows

Shape = tuple[int, ...]


class Rows:
    """An array of one or more axes of which rows, along the first, are computed when asked for.

    Attributes:
        shape: of the whole.
        dtype: of NumPy.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dtype: Any,
        rows: Callable[[int, int], np.ndarray],
        elements: Callable[[int, int], np.ndarray] | None = None,
    ) -> None:
        """Remembers how the array is computed.

        Args:
            shape: of the whole.
            dtype: of NumPy, or what NumPy takes for one.
            rows: returns the rows from one position to before another.
            elements: returns the elements from one position in C order to before another, with one
                axis, where that needs no whole rows.
        """
        self.shape: Shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self._rows = rows
        self._elements = elements

    @staticmethod
    def of_elements(
        shape: Sequence[int], dtype: Any, elements: Callable[[int, int], np.ndarray]
    ) -> Rows:
        """Returns an array of which any elements can be computed; see `__init__`."""
        width = math.prod(shape[1:])

        def rows(start: int, end: int) -> np.ndarray:
            return elements(start * width, end * width).reshape(end - start, *shape[1:])

        return Rows(shape, dtype, rows, elements)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def rows(self, start: int, end: int) -> np.ndarray:
        """Returns the rows from one position to before another."""
        return self._rows(start, end)

    def elements(self, first: int, last: int) -> np.ndarray:
        """Returns the elements from one position in C order to before another, with one axis."""
        if self._elements is not None:
            return self._elements(first, last)
        width = math.prod(self.shape[1:])
        above = first // width
        flat = self.rows(above, -(-last // width)).reshape(-1)
        return flat[first - above * width : last - above * width]

    def can_part_rows(self) -> bool:
        """Whether some elements of a row can be computed without the others."""
        return self._elements is not None

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
        def computed(part: Callable, own: Callable, start: int, end: int) -> np.ndarray:
            value = other if np.shape(other) == () else part(other, start, end)
            return operation(own(start, end), value).astype(self.dtype, copy=False)

        elements = partial(computed, _elements, self.elements) if self.can_part_rows() else None
        return Rows(self.shape, self.dtype, partial(computed, _rows, self.rows), elements)


def is_large(shape: Sequence[int], dtype: np.dtype) -> bool:
    """Whether an array of numbers is too large to be in memory twice."""
    size = math.prod(shape) * dtype.itemsize
    return bool(shape) and not dtype.hasobject and size > LARGE_BYTES


def rows_of(array: np.ndarray) -> Any:
    """Returns a large array as rows, so that no step of a layout copies it; others as they are."""
    if not is_large(array.shape, array.dtype):
        return array
    return Rows.of_elements(array.shape, array.dtype, partial(_elements, array))


def joined(arrays: Sequence[Rows]) -> Rows:
    """Returns one array of the rows of several."""
    return arrays[0] if len(arrays) == 1 else _concatenate(arrays)


def block_rows(array: Any) -> int:
    """Returns how many rows of an array are read at a time, at least one."""
    return max(1, _BLOCK_BYTES // max(1, math.prod(array.shape[1:]) * array.dtype.itemsize))


def blocks(array: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the rows of an array in blocks, each with the position of its first row."""
    step = block_rows(array)
    for start in range(0, array.shape[0], step):
        yield start, _rows(array, start, min(start + step, array.shape[0]))


def flat_blocks(array: Any) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the elements of an array in blocks, each with the position of its first element."""
    width = math.prod(array.shape[1:])
    if not width:
        return
    if not isinstance(array, Rows) or not array.can_part_rows():
        for start, block in blocks(array):
            yield start * width, block.reshape(-1)
        return
    step, size = max(1, _BLOCK_BYTES // array.dtype.itemsize), array.shape[0] * width
    for first in range(0, size, step):
        yield first, array.elements(first, min(first + step, size))


def whole(array: Any) -> np.ndarray:
    """Returns all of an array, in memory that a tensor of TensorFlow can share."""
    if not isinstance(array, Rows):
        return np.ascontiguousarray(array).reshape(np.shape(array))
    found = aligned(array.shape, array.dtype)
    flat = found.reshape(-1)
    for first, block in flat_blocks(array):
        flat[first : first + len(block)] = block
    return found


def aligned(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Returns an array with any content, whose memory TensorFlow may use as it is."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def tensor(array: Any) -> Any:
    """Returns an array, or what rows are, as an eager tensor.

    Rows are computed into memory that the tensor then has, so that there is one copy of them.
    """
    import tensorflow as tf

    if not isinstance(array, Rows):
        return tf.constant(array)
    found = whole(array)
    if not found.size:
        return tf.constant(found)
    dtype = tf.as_dtype(found.dtype)
    if found.dtype.kind in _SHARED_KINDS:
        return tf.experimental.dlpack.from_dlpack(found.__dlpack__())
    bits = found.view(f"u{found.dtype.itemsize}")  # bfloat16 and the like
    return tf.bitcast(tf.experimental.dlpack.from_dlpack(bits.__dlpack__()), dtype)


def are_equal(one: Any, other: Any) -> bool:
    """Whether two arrays have the same shape, dtype and bytes."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.shape:
        return np.asarray(one).tobytes() == np.asarray(other).tobytes()
    return all(
        block.tobytes() == _elements(other, first, first + len(block)).tobytes()
        for first, block in flat_blocks(one)
    )


def is_filled_with(array: Any, value: float) -> bool:
    """Whether every element of an array is this number."""
    expected = array.dtype.type(value)
    if not array.shape:
        return bool(array == expected)
    return all((block == expected).all() for _, block in flat_blocks(array))


def _rows(array: Any, start: int, end: int) -> np.ndarray:
    return array.rows(start, end) if isinstance(array, Rows) else array[start:end]


def _elements(array: Any, first: int, last: int) -> np.ndarray:
    if isinstance(array, Rows):
        return array.elements(first, last)
    return array.reshape(-1)[first:last]


def _split(array: Rows, places: Any, axis: int = 0) -> list[Rows]:
    axis %= array.ndim
    size = array.shape[axis]
    if np.ndim(places) == 0:
        places = [size // places * k for k in range(1, places)]
    bounds = [0, *(int(place) for place in places), size]
    return [_part(array, axis, *pair) for pair in itertools.pairwise(bounds)]


def _part(array: Rows, axis: int, first: int, last: int) -> Rows:
    if isinstance(array, _Transposed):
        return _transpose(_part(array.array, array.axes[axis], first, last), array.axes)
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
    if not shape or not math.prod(array.shape[1:]):
        return np.reshape(whole(array), shape)
    return Rows.of_elements(shape, array.dtype, array.elements)


class _Transposed(Rows):
    """A transposed array whose first axis is another than it was.

    Any row needs all of the array. So one pass over the array computes many rows, a slab, which is
    kept until the memory is needed for others.
    """

    def __init__(self, array: Rows, axes: Sequence[int]) -> None:
        self.array, self.axes = array, tuple(axes)
        shape = [array.shape[axis] for axis in axes]
        super().__init__(shape, array.dtype, partial(_transposed_rows, array, self.axes))
        self._slabs = Slabs(shape[0], math.prod(shape[1:]) * array.dtype.itemsize)

    def rows(self, start: int, end: int) -> np.ndarray:
        """Returns rows of the slab that has them, which is computed where none does."""
        return self._slabs.rows(start, end, super().rows)


def _transposed_rows(array: Rows, axes: Sequence[int], first: int, last: int) -> np.ndarray:
    shape = (array.shape[axis] for axis in axes[1:])
    found = np.empty((last - first, *shape), array.dtype)
    as_before = np.transpose(found, np.argsort(axes))
    wanted = (*[slice(None)] * axes[0], slice(first, last))
    for start, block in blocks(array):
        as_before[start : start + len(block)] = block[wanted]
    return found


def _transpose(array: Rows, axes: Sequence[int]) -> Any:
    axes = [int(axis) for axis in axes]
    if isinstance(array, _Transposed):
        return _transpose(array.array, [array.axes[axis] for axis in axes])
    shape = [array.shape[axis] for axis in axes]
    longer = [axis for axis in axes if array.shape[axis] != 1]
    if longer == sorted(longer):  # no element changes its place
        return _reshape(array, shape)
    if axes[0]:
        return _Transposed(array, axes)
    return Rows(shape, array.dtype, lambda start, end: np.transpose(array.rows(start, end), axes))


def _take(array: Rows, indices: np.ndarray, axis: int = 0) -> Rows:
    axis %= array.ndim
    if isinstance(array, _Transposed):
        return _transpose(_take(array.array, indices, array.axes[axis]), array.axes)
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
