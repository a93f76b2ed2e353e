"""Random batches of the form that each model takes; NumPy only, it runs under Python 3.7 too."""

from __future__ import annotations

import numpy as np


def random_batches(data: str, steps: int, batch_size: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Returns stacked inputs and targets [steps, batch_size, …] for a pair of this `data`."""
    random = np.random.RandomState(seed)
    shape = [steps, batch_size]
    if data == "line":
        inputs = random.random_sample(shape).astype(np.float32)
        return inputs, 2 * inputs + 1
    if data == "ratings":  # by few users, so that ids repeat in every batch
        users, items = (random.randint(0, 5, shape).astype(np.int64) for _ in range(2))
        return users, items, random.randint(1, 6, shape).astype(np.float32)
    images = random.random_sample([*shape, 784]).astype(np.float32)
    if data == "noise":
        return random.uniform(-1, 1, [*shape, 32]).astype(np.float32), images
    labels = random.randint(0, 10, shape).astype(np.int64)
    if data == "fashion":
        return images, labels
    assert data == "digits", f"no batches for {data}"
    return images, np.eye(10, dtype=np.float32)[labels]
