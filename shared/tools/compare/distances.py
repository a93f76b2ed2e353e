"""How far two arrays of one dtype lie apart, element by element.

Arrays and dtype names are those of `shared.trace_recorder`: bfloat16 comes as uint16 bit patterns.
"""

from __future__ import annotations

import numpy as np

from shared.trace_recorder import FLOAT_DTYPES, as_float64

# From 1 to the next larger number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
UNRELATED = np.uint64(2**64 - 1)  # no distance: NaN, infinity, or integers that differ


def same_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which elements have equal bits, as bool, in the shape of `a`."""
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    return a.view(unsigned) == b.view(unsigned)


def ulp_distance(a: np.ndarray, b: np.ndarray, dtype: str) -> np.ndarray:
    """Count the representable numbers from `a` to `b`, as uint64.

    0 and -0 are one number here, and subnormal numbers are counted like any other, so that the
    distance from the smallest positive to the smallest negative number is 2. `UNRELATED`
    where one of the two is infinite or NaN and their bits differ, and where integers differ.
    Distances of float64 reach 2 * 0x7fe...f, which fits uint64.
    """
    equal = same_bits(a, b)
    if dtype not in FLOAT_DTYPES:
        return np.where(equal, np.uint64(0), UNRELATED)
    sign_a, magnitude_a = _sign_and_magnitude(a)
    sign_b, magnitude_b = _sign_and_magnitude(b)
    apart = np.where(
        sign_a == sign_b,
        np.maximum(magnitude_a, magnitude_b) - np.minimum(magnitude_a, magnitude_b),
        magnitude_a + magnitude_b,
    )
    finite = np.isfinite(as_float64(a, dtype)) & np.isfinite(as_float64(b, dtype))
    return np.where(finite, apart, np.where(equal, np.uint64(0), UNRELATED))


def _sign_and_magnitude(array: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split IEEE bits; the magnitudes of one sign are in the order of the numbers."""
    bits = 8 * array.dtype.itemsize
    unsigned = array.view(np.dtype(f"u{array.dtype.itemsize}")).astype(np.uint64)
    sign = unsigned >> np.uint64(bits - 1)
    return sign, unsigned & np.uint64(2 ** (bits - 1) - 1)


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    """Return ||b - a|| / ||a|| of float64 arrays; infinite where only `a` is zero, or for NaN."""
    with np.errstate(all="ignore"):
        difference = np.where(a == b, 0.0, b - a)  # infinity minus infinity would be NaN
        distance, length = np.linalg.norm(difference), np.linalg.norm(a)
        ratio = float(distance / length) if distance != 0 else 0.0
    return float("inf") if np.isnan(ratio) else ratio
