"""The models that are timed, and the batches that every runtime gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Iterable, Mapping, NamedTuple

import numpy as np

from shared.models import PAIRS, Pair
from shared.program.batches import arrays_of
from shared.tools.parity.recording import batches_of

# Stacked batches of one call take at most this much: C libraries keep blocks up to some 32 MiB for
# the next call, while larger ones come as fresh pages each time, which costs more than the copy.
_BYTES_PER_CALL = 16 * 2**20


class Setup(NamedTuple):
    """How a model is measured; every pair has one in `SETUPS`."""

    batch: int  # in the main table
    steps_per_call: int  # of the runtimes that make many steps per call
    # What the peers, which are no part of a pair, update with: adam or sgd; "" without peers.
    rule: str = ""


# `steps_per_call` is `report_every` of the style files, where a step does not take long anyway.
SETUPS = {
    "linear_regression": Setup(100, 1000, "sgd"),
    "relu_regression": Setup(100, 1000, "adam"),
    "softmax_regression": Setup(50, 100, "sgd"),
    "mlp": Setup(32, 100, "adam"),
    "cnn": Setup(50, 4, "adam"),
    "residual_network": Setup(50, 10),
    "recurrent_network": Setup(50, 10),
    "embeddings": Setup(64, 100),
    "adversarial": Setup(50, 20),
}


class Workload(NamedTuple):
    """A model with its stacked batches, float32 but for numbers of classes, users and items."""

    model: str
    arrays: tuple[np.ndarray, ...]  # in the order `train_steps` takes them: [steps, batch, ...]
    settings: Mapping[str, Any]  # further fields of the style file's `Config`

    @property
    def pair(self) -> Pair:
        """The pair of the model."""
        return PAIRS[self.model]

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return len(self.arrays[0])

    @property
    def batch(self) -> int:
        """Examples per step."""
        return int(self.arrays[0].shape[1])

    def create(self, style: str, optimizer: str | None = None) -> Any:
        """Makes the model at step 0; `optimizer` is ignored where there is no choice of it."""
        chosen = optimizer if has_optimizers(self.pair) and style == "tf2_style" else None
        return self.pair.create(style, chosen, **self.settings)


def has_optimizers(pair: Pair) -> bool:
    """Whether the TensorFlow 2 file lets one choose between TF1's kernel and Keras's."""
    return any(variant.optimizer for variant in pair.variants)


def make_workload(
    model: str, batch: int | None = None, steps: int | None = None, **settings: Any
) -> Workload:
    """Returns the batches of the first steps of training.

    Args:
        model: name of a pair.
        batch: examples per step; None for the model's own of `SETUPS`.
        steps: how many; None for `steps_per_call`, fewer where that would take too much memory.
        settings: further fields of the style file's `Config`.
    """
    batch = batch or SETUPS[model].batch
    config = PAIRS[model].module("tf2_style").Config(**settings)
    first = _batches(PAIRS[model], config, batch, 1)
    affordable = max(2, _BYTES_PER_CALL // sum(array.nbytes for array in first))
    steps = steps or min(SETUPS[model].steps_per_call, affordable)
    return Workload(model, _batches(PAIRS[model], config, batch, steps), settings)


def _batches(pair: Pair, config: Any, batch: int, steps: int) -> tuple[np.ndarray, ...]:
    arrays: Iterable[np.ndarray]
    if hasattr(config, "batch_size"):
        of_steps = batches_of(pair, dataclasses.replace(config, batch_size=batch))
        arrays = arrays_of(of_steps(range(steps)))
    else:  # a step is an epoch: as many of its points as asked for, again and again
        epoch = arrays_of(batches_of(pair, config)(range(1)))
        arrays = (np.resize(array[0], [1, batch]).repeat(steps, axis=0) for array in epoch)
    return tuple(np.ascontiguousarray(array) for array in arrays)


class PeerStart(NamedTuple):
    """What a peer needs to train like the pair."""

    initial: Mapping[str, np.ndarray]  # the parameters at step 0, by name
    learning_rate: float
    keep_probability: float  # of dropout; 1 without


def peer_start(workload: Workload) -> PeerStart:
    """Returns what the pair's TensorFlow 2 file starts from."""
    model = workload.create("tf2_style")
    keep_probability = getattr(model.config, "keep_probability", 1.0)
    return PeerStart(model.variables(), model.config.learning_rate, keep_probability)


def write_workload(workload: Workload, path: Path) -> None:
    """Writes the arrays of a workload, and what a peer starts from, for another process."""
    start = peer_start(workload)
    initial: dict[str, Any] = {"initial_" + name: value for name, value in start.initial.items()}
    numbers: dict[str, Any] = {
        "learning_rate": start.learning_rate,
        "keep_probability": start.keep_probability,
    }
    arrays: dict[str, Any] = {f"batch_{place}": a for place, a in enumerate(workload.arrays)}
    np.savez(str(path), **arrays, **numbers, **initial)


def read_workload(path: str, model: str, settings: Mapping[str, Any]) -> tuple[Workload, PeerStart]:
    """Reads what `write_workload` wrote; imports no TensorFlow."""
    with np.load(path) as file:
        arrays: dict[str, np.ndarray] = dict(file)
    batches = tuple(arrays[name] for name in sorted(arrays) if name.startswith("batch_"))
    workload = Workload(model, batches, settings)
    initial = {
        name[len("initial_") :]: value
        for name, value in arrays.items()
        if name.startswith("initial_")
    }
    rate, keep = float(arrays["learning_rate"]), float(arrays["keep_probability"])
    return workload, PeerStart(initial, rate, keep)
