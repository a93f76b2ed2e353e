"""Noise that images are generated from, and how near to real ones the images are."""

from __future__ import annotations

import numpy as np

NOISE_SIZE = 32
# Keeps the noise apart from other streams drawn from the same seed.
_NOISE_STREAM = 2


def noise_of_steps(batch_size: int, steps: range, seed: int) -> np.ndarray:
    """Returns the noise of a range of steps; that of a step depends on seed and step alone.

    Args:
        batch_size: rows a step.
        steps: consecutive step numbers, counted from 0 over the whole training.
        seed: of `numpy.random.RandomState`.

    Returns:
        float32 array [len(steps), batch_size, NOISE_SIZE], uniform in [-1, 1).
    """
    noise = np.empty([len(steps), batch_size, NOISE_SIZE], np.float32)
    for row, step in enumerate(steps):
        random = np.random.RandomState([seed, _NOISE_STREAM, step])
        noise[row] = random.uniform(-1, 1, noise.shape[1:])
    return noise


def nearest(images: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns which of the known images is nearest to each image, and how far that is.

    Args:
        images: float32 [n, pixels].
        known: float32 [m, pixels].

    Returns:
        int64 rows of `known` [n], and root mean squares of the pixels' differences, float64 [n].
    """
    # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, so that no array [n, m, pixels] is made.
    squares = np.square(known).sum(1) - 2 * images @ known.T
    rows = squares.argmin(1)
    differences = images.astype(np.float64) - known[rows]
    return rows, np.sqrt(np.square(differences).mean(1))
