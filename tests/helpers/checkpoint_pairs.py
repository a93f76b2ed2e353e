"""The suite's pairs trained for a few updates, here or in real TensorFlow 1.15.

python tests/helpers/checkpoint_pairs.py train FOLDER    trains every pair, saves it and trains on
python tests/helpers/checkpoint_pairs.py resume FOLDER   restores every pair and trains on
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from random_batches import random_batches

UPDATES = 3  # of one stretch


def batches(name: str, stretch: int) -> tuple[np.ndarray, ...]:
    """Returns inputs and targets of one stretch of training, [updates, batch, …]."""
    from shared.models import PAIRS

    return random_batches(PAIRS[name].data, UPDATES, 20, seed=stretch)


def named_inputs(name: str, size: int) -> dict[str, np.ndarray]:
    """Returns what `predict` takes of `size` examples at most, by the names of its arguments."""
    from shared.models import PAIRS
    from shared.program.batches import input_names

    pair = PAIRS[name]
    names = input_names(getattr(pair.module("tf1_style"), pair.class_name))
    stacked = batches(name, stretch=1)
    return {name: np.concatenate(stacked[i])[:size] for i, name in enumerate(names)}


def fresh(style: str, name: str, optimizer: str | None = None) -> Any:
    """Returns an untrained model."""
    from shared.models import PAIRS

    return PAIRS[name].create(style, optimizer)


def train(model: Any, name: str, stretch: int) -> np.ndarray:
    """Trains for one stretch; returns the losses."""
    from shared.program.batches import total

    return total(model.train_steps(*batches(name, stretch)))


def state(model: Any) -> dict[str, np.ndarray]:
    """Returns everything that training goes on from."""
    arrays = dict(model.variables(), step=np.asarray(model.step()), **model.slots())
    return {name: np.asarray(array) for name, array in arrays.items()}


def write(path: str, arrays: dict[str, Any]) -> None:
    np.savez(path, **arrays)


def main(command: str, folder: str) -> None:
    from saved import restore, save
    from shared.models import PAIRS

    for name in PAIRS:
        model = fresh("tf1_style", name)
        if command == "train":
            train(model, name, stretch=0)
            save(model, os.path.join(folder, name, "half"))
        else:
            restore(model, os.path.join(folder, name, "back"))
            write(os.path.join(folder, name, "restored.npz"), state(model))
        train(model, name, stretch=1 if command == "train" else 2)
        write(os.path.join(folder, name, "after.npz"), state(model))


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    main(*sys.argv[1:])
