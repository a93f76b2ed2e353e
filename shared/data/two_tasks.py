"""The two tasks of the pair `transfer`, in one form: digits, and clothes that are learned after."""

from __future__ import annotations

import functools
from typing import Iterator, NamedTuple

import numpy as np

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.data.fashion import load_fashion

BATCH, SEED = 50, 7


class Images(NamedTuple):
    """Images of ten kinds, some to train on and some to test with.

    Attributes:
        train_images: float32 [n, 784], in [0, 1].
        train_labels: int64 [n], 0 to 9.
        test_images: float32 [m, 784].
        test_labels: int64 [m].
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def batches(self, steps: range) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields images [BATCH, 784] and labels [BATCH] for each step, counted from 0."""
        for rows in batch_rows(len(self.train_images), BATCH, steps, SEED):
            yield self.train_images[rows], self.train_labels[rows]


@functools.lru_cache(maxsize=None)
def digits() -> Images:
    """Returns the sample of handwritten digits."""
    data = load_digits()
    labels = (each.argmax(axis=1) for each in (data.train_labels, data.test_labels))
    return Images(data.train_images, next(labels), data.test_images, next(labels))


@functools.lru_cache(maxsize=None)
def clothes() -> Images:
    """Returns the sample of clothes."""
    return Images(*load_fashion())
