"""Adam's step count: a number in Keras, two powers of beta in TensorFlow 1.

TF1 starts beta1_power at beta1 and multiplies it by beta1 after every update, in float32, so that
after t updates it is a running product of t + 1 factors; beta2_power likewise
(tensorflow/python/training/adam.py). TensorFlow flushes numbers below the smallest normal float32
to 0 while it computes: beta1_power of 0.9 is 0 from 828 updates on and says nothing any more, while
beta2_power of 0.999 lasts for some 87,000.
"""

from __future__ import annotations

import math

import numpy as np

from shared.errors import CheckpointError

_SMALLEST = np.finfo(np.float32).tiny  # the smallest normal float32


def power_after(beta: float, updates: int) -> np.float32:
    """Returns the power that TF1 holds after `updates` updates, to the last bit."""
    products = _products(beta, updates + 1)
    return products[updates] if updates < len(products) else np.float32(0)


def updates_from(beta2: float, power: np.float32, place: str) -> int:
    """Returns after how many updates TF1 holds this power of beta2.

    Args:
        beta2: TF1's hyperparameter.
        power: beta2_power, float32.
        place: file and variable, for messages.

    Raises:
        CheckpointError: no count gives this power, it is 0, which many counts give, or no number.
    """
    if np.shape(power) or np.asarray(power).dtype.kind in "OSU":
        raise CheckpointError(
            f"{place}: expected a power of {beta2:g}, one number; "
            f"found {np.asarray(power).dtype} {list(np.shape(power))}"
        )
    if power == 0:
        raise CheckpointError(
            f"{place}: expected a power of {beta2:g} that tells the step; found 0: it has "
            "underflowed, so the step must come from a global_step or from --step"
        )
    matching = np.flatnonzero(_products(beta2, None) == power)
    if not len(matching):
        raise CheckpointError(
            f"{place}: expected {beta2:g} to a whole power, multiplied in float32; found {power:g}"
        )
    return int(matching[0])


def _products(beta: float, factors: int | None) -> np.ndarray:
    """Returns the running products of 1, 2, … factors, at most until they are 0."""
    # The extra tenth covers what rounding can add to the logarithm.
    until_zero = math.ceil(1.1 * math.log(_SMALLEST) / math.log(beta))
    count = until_zero if factors is None else min(factors, until_zero)
    products = np.multiply.accumulate(np.full(count, beta, np.float32))
    return np.where(products < _SMALLEST, np.float32(0), products)
