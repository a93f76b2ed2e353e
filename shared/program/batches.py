"""What a step is fed and returns: arrays in order or by name, one loss or several."""

from __future__ import annotations

import inspect
from typing import Any, Callable, Iterator, Mapping, Sequence, Tuple, Union

import numpy as np

Arrays = Tuple[np.ndarray, ...]
Batch = Union[Arrays, Mapping[str, np.ndarray]]
"""A tuple is fed in its order, a mapping by the names of the arguments."""


def arrays_of(batch: Batch) -> Arrays:
    """Returns the arrays of a batch in order."""
    return tuple(batch.values()) if isinstance(batch, Mapping) else tuple(batch)


def inputs_of(model: Any, batch: Batch) -> Arrays:
    """Returns the first arrays of a batch, as many as `model.predict` takes."""
    return arrays_of(batch)[: len(input_names(type(model)))]


def input_names(model_class: Any) -> Sequence[str]:
    """Returns the names of the arguments that `predict` of a model's class takes."""
    return list(inspect.signature(model_class.predict).parameters)[1:]


def one_step(stacked: Batch, position: int) -> Batch:
    """Returns the batch of one step out of stacked ones [steps, batch, ...]."""
    if isinstance(stacked, Mapping):
        return {name: array[position] for name, array in stacked.items()}
    return tuple(array[position] for array in stacked)


def each_step(stacked: Batch) -> Iterator[Batch]:
    """Yields the batch of every step of stacked ones [steps, batch, ...]."""
    return (one_step(stacked, position) for position in range(steps_in(stacked)))


def steps_in(stacked: Batch) -> int:
    """Returns how many steps are stacked."""
    return len(arrays_of(stacked)[0])


def call(function: Callable[..., Any], batch: Batch) -> Any:
    """Calls a method of a model with a batch: by position, or by name."""
    return function(**batch) if isinstance(batch, Mapping) else function(*batch)


def stack(losses: Sequence[Any]) -> Any:
    """Returns the losses [steps] of single steps, or of each name where a step has several."""
    if isinstance(losses[0], Mapping):
        return {name: stack([loss[name] for loss in losses]) for name in losses[0]}
    return np.array([np.asarray(loss) for loss in losses], np.float32)


def total(losses: Any) -> np.ndarray:
    """Returns the loss, of one step or of several: the sum where a model has losses by name."""
    if isinstance(losses, Mapping):
        return np.asarray(sum(np.asarray(loss) for loss in losses.values()))
    return np.asarray(losses)
