"""Models whose parameters are all different, and batches beyond what training shows."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from model_state import assign, set_parameters, set_step
from numpy_models import NumpyModel
from shared.models import PAIRS

# In place of defaults that would hide a mistake: half of the units kept are as many as dropped, and
# gradients cut off at length 1 are of the length that a port gives them that ignores the flag.
TELLING = {"keep_probability": 0.75, "clip_norm": 0.7}
UNIT_ROUNDOFF = 2.0**-24  # of float32, round to nearest


def bound_of(reference: NumpyModel) -> float:
    """How far float32 may be off: a rounding a term, at random, with a margin of eight."""
    return 8 * reference.terms**0.5 * UNIT_ROUNDOFF


def a_batch(name: str, size: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Returns inputs, negative and large ones among them, and targets."""
    random = np.random.RandomState(seed)
    if PAIRS[name].data == "ratings":  # ids repeat
        users, items = (random.randint(0, rows, size).astype(np.int64) for rows in (5, 3))
        return users, items, random.uniform(1, 5, size).astype(np.float32)
    if PAIRS[name].data == "line":
        return random.uniform(-30, 30, size).astype(np.float32), random.uniform(-3, 9, size).astype(
            np.float32
        )
    images = random.normal(0.3, 1, [size, 784]).astype(np.float32)
    images[::2, 20 * 28 :] = 0  # without ink below: a recurrent network reads fewer rows
    images[3:4] = 0  # without any: it reads one
    classes = random.randint(0, 10, size).astype(np.int64)
    one_hot = np.eye(10, dtype=np.float32)[classes]
    return images, classes if PAIRS[name].data == "fashion" else one_hot


@functools.lru_cache(maxsize=8)
def created(name: str, style: str, optimizer: str | None, **settings: Any) -> tuple[Any, Any]:
    """Returns a new model and its slots."""
    fields = {field.name for field in dataclasses.fields(PAIRS[name].module(style).Config)}
    settings.update({key: value for key, value in TELLING.items() if key in fields})
    model = PAIRS[name].create(style, optimizer, **settings)
    return model, {slot: np.array(value) for slot, value in model.slots().items()}


def a_model(name: str, style: str, optimizer: str | None = None, **settings: Any) -> Any:
    """Returns a model whose parameters are all different, none of them 0.

    What was made before is taken again, as it was at first but for the parameters: to make a model
    and to trace its functions takes longer than all that is computed with it.
    """
    model, slots = created(name, style, optimizer, **settings)
    set_step(model, 0)
    for slot, value in slots.items():
        assign(model, model.slot_variables()[slot], value)
    random = np.random.RandomState(7)
    # A row of a table is looked up, not added up with the others: its values may be as large.
    has_tables = PAIRS[name].data == "ratings"
    values = {
        parameter: random.normal(
            0.01, 1.5 / (1 if has_tables else np.shape(value)[0]) ** 0.5, np.shape(value)
        )
        if np.ndim(value)
        else np.array(random.uniform(0.5, 2))
        for parameter, value in model.variables().items()
    }
    set_parameters(model, values)
    return model


def wide_batch(batch: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """Returns a batch with its float32 as float64."""
    return [array.astype(np.float64) if array.dtype == np.float32 else array for array in batch]


def wide(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}
