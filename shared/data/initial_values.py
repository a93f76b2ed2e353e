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


def glorot_uniform(shape: list[int], random: np.random.RandomState) -> np.ndarray:
    """Draws uniformly from -limit to limit, where limit is sqrt(6 / (inputs + outputs)).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    (2010), equation 16; the default of `tf.get_variable` and of Keras's Dense, which both draw
    other numbers.

    Args:
        shape: [inputs, outputs] of a matrix of weights.
        random: the stream to draw from; it is advanced.

    Returns:
        float32 array of `shape`.
    """
    inputs, outputs = shape
    limit = np.sqrt(6 / (inputs + outputs))
    return random.uniform(-limit, limit, shape).astype(np.float32)
