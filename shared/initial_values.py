"""Initial values as NumPy arrays, so that both styles start from the same bits.

TensorFlow's own initializers draw other numbers in each runtime, even from one seed.
"""

from __future__ import annotations

import numpy as np


def truncated_normal(shape: list[int], stddev: float, random: np.random.RandomState) -> np.ndarray:
    """Draws from a normal of mean 0; values beyond two standard deviations are drawn again.

    This is what `tf.random.truncated_normal` does: redrawn, not clipped, so the edges do not
    pile up at plus and minus two standard deviations.

    Args:
        shape: shape of the result.
        stddev: standard deviation of the normal before truncation.
        random: the stream to draw from; it is advanced.

    Returns:
        float32 array of `shape`.
    """
    values = random.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = random.standard_normal(outside.sum())
        outside = np.abs(values) > 2
    return (stddev * values).astype(np.float32)
