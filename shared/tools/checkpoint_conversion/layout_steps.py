"""Steps that put the elements of tensors in another order, each with its way back.

A layout is a list of steps. They turn the list of a program's TF1 tensors into the list of its TF2
tensors; the same steps, backwards, turn it back. No step loses an element, so that values come back
bit for bit. The exceptions are `add`, which rounds, and `sum`: its parts become one.
docs/checkpoint-map.md describes how a map writes them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shared.tools.checkpoint_conversion.row_blocks import is_filled_with

Shape = tuple[int, ...]
Arrays = list[Any]  # of NumPy, or Rows, which stand for one


@dataclasses.dataclass(frozen=True)
class Step:
    """One change to a list of tensors.

    Attributes:
        tensor: position in the list of the tensor that is changed, or of the first one.
        axis: along which it is changed.
    """

    tensor: int = 0
    axis: int = 0

    for_slots = True  # whether the slots of the tensors go through it
    reads_axis = True

    def shapes(self, shapes: list[Shape]) -> list[Shape]:
        """Returns the shapes behind the step; raises ValueError where it does not fit."""
        if not 0 <= self.tensor < len(shapes):
            raise ValueError(f"a tensor from 0 to {len(shapes) - 1}; found tensor = {self.tensor}")
        if self.reads_axis and not -len(shapes[self.tensor]) <= self.axis < len(
            shapes[self.tensor]
        ):
            raise ValueError(f"an axis of {list(shapes[self.tensor])}; found axis = {self.axis}")
        return self._shapes(shapes)

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        return list(shapes)

    def forward(self, arrays: Arrays, constants: bool) -> Arrays:
        """Returns what TF2 holds; constants are not added to slots."""
        return self._forward(arrays, constants)

    def backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        """Returns what TF1 holds: arrays of `shapes`, those before the step.

        Raises:
            ValueError: TF1 has no place for what TF2 holds.
        """
        return self._backward(arrays, shapes, constants)

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        raise NotImplementedError

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        raise NotImplementedError

    def table(self) -> dict[str, Any]:
        """Returns the step as a map writes it."""
        rest = {"tensor": self.tensor} if self.tensor else {}
        return {**self._operation(), **rest, **({"axis": self.axis} if self.axis else {})}

    def _operation(self) -> dict[str, Any]:
        name = type(self).__name__.lower()
        return {name: _plain(getattr(self, name))}

    def _replaced(self, items: list, *new: Any) -> list:
        return [*items[: self.tensor], *new, *items[self.tensor + 1 :]]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _with(shape: Shape, axis: int, size: int) -> Shape:
    axis %= len(shape)
    return (*shape[:axis], size, *shape[axis + 1 :])


@dataclasses.dataclass(frozen=True)
class Permute(Step):
    """The equal parts of one axis in another order: part `permute[k]` becomes part k."""

    permute: tuple[int, ...] = ()

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        size = shapes[self.tensor][self.axis]
        if sorted(self.permute) != list(range(len(self.permute))):
            raise ValueError(f"each part from 0 on once; found permute = {list(self.permute)}")
        if size % len(self.permute):
            raise ValueError(f"{len(self.permute)} equal parts; found an axis of {size}")
        return list(shapes)

    def _reordered(self, array: np.ndarray, order: Sequence[int]) -> np.ndarray:
        parts = np.split(array, len(order), axis=self.axis)
        return np.concatenate([parts[part] for part in order], axis=self.axis)

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        return self._replaced(arrays, self._reordered(arrays[self.tensor], self.permute))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        order = [int(part) for part in np.argsort(self.permute)]
        return self._replaced(arrays, self._reordered(arrays[self.tensor], order))


@dataclasses.dataclass(frozen=True)
class Interleave(Step):
    """Rows that were dealt to a number of partitions in turn, as `embedding_lookup` does, in order.

    In TF1 the rows 0, n, 2n, … are the first partition, 1, n + 1, … the second. Source:
    tensorflow/python/ops/embedding_ops.py of 1.15, strategy "mod", the default.
    """

    interleave: int = 1

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        if self.interleave < 1:
            raise ValueError(f"a number of partitions; found interleave = {self.interleave}")
        return list(shapes)

    def _rows(self, size: int) -> np.ndarray:
        return np.concatenate([np.arange(p, size, self.interleave) for p in range(self.interleave)])

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        array = arrays[self.tensor]
        rows = np.argsort(self._rows(array.shape[self.axis]))
        return self._replaced(arrays, np.take(array, rows, axis=self.axis))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        array = arrays[self.tensor]
        rows = self._rows(array.shape[self.axis])
        return self._replaced(arrays, np.take(array, rows, axis=self.axis))


@dataclasses.dataclass(frozen=True)
class Transpose(Step):
    """The axes in another order, as NumPy's transpose has them."""

    transpose: tuple[int, ...] = ()
    reads_axis = False

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        shape = shapes[self.tensor]
        if sorted(self.transpose) != list(range(len(shape))):
            raise ValueError(f"each axis of {list(shape)} once; found {list(self.transpose)}")
        return self._replaced(shapes, tuple(shape[axis] for axis in self.transpose))

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        return self._replaced(arrays, np.transpose(arrays[self.tensor], self.transpose))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        order = [int(axis) for axis in np.argsort(self.transpose)]
        return self._replaced(arrays, np.transpose(arrays[self.tensor], order))


@dataclasses.dataclass(frozen=True)
class Reshape(Step):
    """The same elements, in C order, in another shape."""

    reshape: tuple[int, ...] = ()
    reads_axis = False

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        shape = shapes[self.tensor]
        if min(self.reshape, default=0) < 0 or math.prod(shape) != math.prod(self.reshape):
            raise ValueError(f"as many elements as {list(shape)}; found {list(self.reshape)}")
        return self._replaced(shapes, self.reshape)

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        return self._replaced(arrays, np.reshape(arrays[self.tensor], self.reshape))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        shape = shapes[self.tensor]
        return self._replaced(arrays, np.reshape(arrays[self.tensor], shape))


@dataclasses.dataclass(frozen=True)
class Split(Step):
    """One tensor becomes several, of these sizes along the axis."""

    split: tuple[int, ...] = ()

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        shape = shapes[self.tensor]
        if min(self.split, default=-1) < 0 or sum(self.split) != shape[self.axis]:
            raise ValueError(f"sizes of {shape[self.axis]} in all; found {list(self.split)}")
        return self._replaced(shapes, *(_with(shape, self.axis, size) for size in self.split))

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        places = np.cumsum(self.split)[:-1]
        return self._replaced(arrays, *np.split(arrays[self.tensor], places, axis=self.axis))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        end = self.tensor + len(self.split)
        joined = np.concatenate(arrays[self.tensor : end], axis=self.axis)
        return [*arrays[: self.tensor], joined, *arrays[end:]]


@dataclasses.dataclass(frozen=True)
class Join(Step):
    """As many tensors as `join` says, from `tensor` on, become one."""

    join: int = 2

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        end = self.tensor + self.join
        joined = shapes[self.tensor : end]
        others = {len(s) > self.axis and _with(s, self.axis, 0) for s in joined if s}
        if self.join < 1 or len(joined) < self.join or len(others) != 1 or () in joined:
            raise ValueError(f"tensors that fit; found {[list(shape) for shape in joined]}")
        size = sum(shape[self.axis] for shape in joined)
        return [*shapes[: self.tensor], _with(joined[0], self.axis, size), *shapes[end:]]

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        end = self.tensor + self.join
        joined = np.concatenate(arrays[self.tensor : end], axis=self.axis)
        return [*arrays[: self.tensor], joined, *arrays[end:]]

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        parts = shapes[self.tensor : self.tensor + self.join]
        places = np.cumsum([shape[self.axis] for shape in parts])[:-1]
        return self._replaced(arrays, *np.split(arrays[self.tensor], places, axis=self.axis))


@dataclasses.dataclass(frozen=True)
class Order(Step):
    """The tensors of the list in another order: number `order[k]` becomes number k."""

    order: tuple[int, ...] = ()
    reads_axis = False

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        if sorted(self.order) != list(range(len(shapes))):
            raise ValueError(f"each of {len(shapes)} tensors once; found {list(self.order)}")
        return [shapes[k] for k in self.order]

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        return [arrays[k] for k in self.order]

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        return [arrays[int(k)] for k in np.argsort(self.order)]


@dataclasses.dataclass(frozen=True)
class Add(Step):
    """A constant is added, to one of `parts` equal parts of the axis, and not to slots.

    Adding rounds: what comes back may differ in its last bits.
    """

    add: float = 0.0
    part: int = 0
    parts: int = 1

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        size = shapes[self.tensor][self.axis]
        if not 0 <= self.part < self.parts or size % self.parts:
            raise ValueError(f"a part of an axis of {size}; found {self.part} of {self.parts}")
        return list(shapes)

    def _operation(self) -> dict[str, Any]:
        where = {"part": self.part, "parts": self.parts} if self.parts > 1 else {}
        return {"add": self.add, **where}

    def _changed(self, arrays: Arrays, sign: int, constants: bool) -> Arrays:
        if not constants:
            return arrays
        array = arrays[self.tensor]
        parts = np.split(array, self.parts, axis=self.axis)
        parts[self.part] = parts[self.part] + array.dtype.type(sign * self.add)
        return self._replaced(arrays, np.concatenate(parts, axis=self.axis))

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        return self._changed(arrays, 1, constants)

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        return self._changed(arrays, -1, constants)


@dataclasses.dataclass(frozen=True)
class Fill(Step):
    """A tensor that TF1 does not have, of one value, gets this place in the list.

    On the way back it has to have this value: what it learned has no place in TF1.
    """

    fill: float = 0.0
    shape: tuple[int, ...] = ()
    for_slots = False
    reads_axis = False

    def shapes(self, shapes: list[Shape]) -> list[Shape]:
        """Returns the shapes with one more; raises ValueError for a place that is none."""
        if not 0 <= self.tensor <= len(shapes) or min(self.shape, default=0) < 0:
            raise ValueError(f"a place from 0 to {len(shapes)}; found tensor = {self.tensor}")
        return [*shapes[: self.tensor], self.shape, *shapes[self.tensor :]]

    def _operation(self) -> dict[str, Any]:
        return {"fill": self.fill, "shape": list(self.shape)}

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        dtype = arrays[0].dtype if arrays else np.dtype(np.float32)
        filled = np.full(self.shape, self.fill, dtype)
        return [*arrays[: self.tensor], filled, *arrays[self.tensor :]]

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        array = arrays[self.tensor]
        if not is_filled_with(array, self.fill):
            raise ValueError(f"{self.fill:g} everywhere, as TF1 has no such tensor; found others")
        return self._replaced(arrays)


@dataclasses.dataclass(frozen=True)
class Unsum(Step):
    """One tensor becomes `unsum` of its shape whose sum it is: itself, and zeros."""

    unsum: int = 2
    for_slots = False
    reads_axis = False

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        if self.unsum < 1:
            raise ValueError(f"a number of tensors; found unsum = {self.unsum}")
        return self._replaced(shapes, *[shapes[self.tensor]] * self.unsum)

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        array = arrays[self.tensor]
        return self._replaced(arrays, array, *[np.zeros_like(array)] * (self.unsum - 1))

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        end = self.tensor + self.unsum
        total = sum(arrays[self.tensor + 1 : end], arrays[self.tensor])
        return [*arrays[: self.tensor], total, *arrays[end:]]


@dataclasses.dataclass(frozen=True)
class Sum(Step):
    """As many tensors as `sum` says become their sum; back, the first is the sum, the rest 0."""

    sum: int = 2
    for_slots = False
    reads_axis = False

    def _shapes(self, shapes: list[Shape]) -> list[Shape]:
        end = self.tensor + self.sum
        summed = shapes[self.tensor : end]
        if self.sum < 1 or len(summed) < self.sum or len(set(summed)) != 1:
            raise ValueError(f"tensors of one shape; found {[list(shape) for shape in summed]}")
        return [*shapes[: self.tensor], summed[0], *shapes[end:]]

    def _forward(self, arrays: Arrays, constants: bool) -> Arrays:
        end = self.tensor + self.sum
        total = arrays[self.tensor]
        for array in arrays[self.tensor + 1 : end]:
            total = total + array
        return [*arrays[: self.tensor], total, *arrays[end:]]

    def _backward(self, arrays: Arrays, shapes: Sequence[Shape], constants: bool) -> Arrays:
        array = arrays[self.tensor]
        return self._replaced(arrays, array, *[np.zeros_like(array)] * (self.sum - 1))


_STEP_CLASSES = (Permute, Interleave, Transpose, Reshape, Split, Join, Order, Add, Fill, Unsum, Sum)
STEPS: Mapping[str, type[Step]] = {step.__name__.lower(): step for step in _STEP_CLASSES}


def step_of(table: Mapping[str, Any]) -> Step:
    """Returns the step that a map's table writes.

    Raises:
        ValueError: it is none; the message says what was expected and what was found.
    """
    names = [name for name in table if name in STEPS]
    if len(names) != 1:
        raise ValueError(f"one of {', '.join(STEPS)}; found {dict(table)!r}")
    step = STEPS[names[0]]
    fields = {field.name: field for field in dataclasses.fields(step)}
    arguments: dict[str, Any] = {}
    for name, value in table.items():
        if name not in fields:
            raise ValueError(f"only {', '.join(fields)}; found {name!r}")
        arguments[name] = _checked(fields[name].type, name, value)
    return step(**arguments)


def _checked(type_: Any, name: str, value: Any) -> Any:
    """Returns the value of a step's field in its type; `type_` is the annotation's text."""
    if type_ == "int" and type(value) is int:
        return value
    if type_ == "float" and type(value) in (int, float):
        return float(value)
    whole = isinstance(value, list) and all(type(item) is int for item in value)
    if type_.startswith("tuple") and whole:
        return tuple(value)
    expected = {"int": "a whole number", "float": "a number"}.get(type_, "a list of whole numbers")
    raise ValueError(f"{name} = {expected}; found {value!r}")
