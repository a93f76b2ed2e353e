"""The points of the two line regressions, drawn from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Line(NamedTuple):
    """Points near a line, and the line itself."""

    inputs: np.ndarray  # x, float32 [points]
    targets: np.ndarray  # y, float32 [points]
    true_weight: float
    true_bias: float


def noisy_line(seed: int) -> Line:
    """Returns 1,000 points of y = 3x + 2 + noise; x and the noise are standard normal.

    The data of TensorFlow's custom-training tutorial.
    """
    random = np.random.RandomState(seed)
    inputs = random.standard_normal(1000)
    noise = random.standard_normal(1000)
    return Line(inputs.astype(np.float32), (3 * inputs + 2 + noise).astype(np.float32), 3.0, 2.0)


def exact_line(seed: int) -> Line:
    """Returns 10,000 points of y = 2x + 1 without noise; x is uniform in [0, 1)."""
    inputs = np.random.RandomState(seed).random_sample(10_000)
    return Line(inputs.astype(np.float32), (2 * inputs + 1).astype(np.float32), 2.0, 1.0)


def least_squares(line: Line) -> tuple[float, float]:
    """Returns the weight and bias that minimise the mean squared error, solved in float64.

    The closed form that gradient descent approaches.
    """
    inputs = line.inputs.astype(np.float64)
    design = np.stack([inputs, np.ones_like(inputs)], axis=1)
    (weight, bias), *_ = np.linalg.lstsq(design, line.targets.astype(np.float64), rcond=None)
    return float(weight), float(bias)
