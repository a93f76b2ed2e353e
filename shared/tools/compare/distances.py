"""How far two arrays lie apart: by bits, by representable numbers, by norm.

The one place of such measures. Arrays and dtype names are those of `shared.trace_recorder`:
bfloat16 comes as uint16 bit patterns.
"""

from __future__ import annotations

import numpy as np

from shared.trace_recorder import FLOAT_DTYPES, as_float64

# From 1 to the next larger number.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
UNRELATED = np.uint64(2**64 - 1)  # no distance: NaN, infinity, or integers that differ


def equal_bits(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns which elements have equal bits, as bool, in the shape of `a`.

    Raises:
        ValueError: the arrays differ in dtype or shape, or their elements are not numbers.
    """
    if a.dtype != b.dtype or a.shape != b.shape:
        raise ValueError(f"{a.dtype} {a.shape} against {b.dtype} {b.shape}")
    if a.dtype.hasobject or a.dtype.itemsize not in (1, 2, 4, 8):
        raise ValueError(f"elements of {a.dtype} are not numbers")
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    return np.ascontiguousarray(a).view(unsigned).reshape(a.shape) == np.ascontiguousarray(b).view(
        unsigned
    ).reshape(a.shape)


def identical(a: np.ndarray, b: np.ndarray) -> bool:
    """Returns whether two arrays have the same shape, dtype and bits; NaN equals the same NaN."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def ulp_distance(a: np.ndarray, b: np.ndarray, dtype: str) -> np.ndarray:
    """Counts the representable numbers from `a` to `b`, as uint64.

    0 and -0 are one number here, and subnormal numbers are counted like any other, so that the
    distance from the smallest positive to the smallest negative number is 2. `UNRELATED`
    where one of the two is infinite or NaN and their bits differ, and where integers differ.
    Distances of float64 reach 2 * 0x7fe...f, which fits uint64.

    Raises:
        ValueError: as `equal_bits` says.
    """
    equal = equal_bits(a, b)
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
    """Splits IEEE bits; the magnitudes of one sign are in the order of the numbers."""
    bits = 8 * array.dtype.itemsize
    unsigned = array.view(np.dtype(f"u{array.dtype.itemsize}")).astype(np.uint64)
    sign = unsigned >> np.uint64(bits - 1)
    return sign, unsigned & np.uint64(2 ** (bits - 1) - 1)


def differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns b - a in float64: 0 where both are the same infinity, as those of a mask are."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        return np.where(a == b, 0.0, b - a)


def relative_l2(a: np.ndarray, b: np.ndarray) -> float:
    """Returns ||b - a|| / ||a|| in float64; infinite where only `a` is zero, or for NaN.

    Elements that are the same infinity in both, as of a mask, are left out of both norms.

    Of whole loss curves, too: unlike the largest relative difference it does not blow up where
    a single loss is close to 0.
    """
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    kept = (a != b) | np.isfinite(a)
    both = np.stack([a[kept], b[kept]])
    if not np.isfinite(both).all():
        return float("inf")
    both, _ = _scaled(both)  # else b - a or a square could overflow, or vanish
    (difference, of_difference), (reference, of_a) = _scaled(both[1] - both[0]), _scaled(both[0])
    if not difference.any():
        return 0.0
    with np.errstate(all="ignore"):
        ratio = np.linalg.norm(difference) / np.linalg.norm(reference)
        return float(np.ldexp(ratio, of_difference - of_a))


def _scaled(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Returns the values over 2**n, so that the largest is below 1 and at least 0.5, and n."""
    exponent = int(np.frexp(np.abs(values).max(initial=0.0))[1])
    return np.ldexp(values, -exponent), exponent


def finite_norm(values: np.ndarray) -> float:
    """Returns the L2 norm of those elements that are finite."""
    return float(np.linalg.norm(values[np.isfinite(values)]))


def relative_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns |b - a| / |a| of each element: 0 where they are equal, infinite for NaN."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        ratio = np.where(a == b, 0.0, np.abs(b - a) / np.abs(a))
    return np.where(np.isnan(ratio), np.inf, ratio)


def symmetric_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns |a - b| / max(|a|, |b|) of each element: 0 where equal, infinite for NaN."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    with np.errstate(all="ignore"):
        ratio = np.where(a == b, 0.0, np.abs(a - b) / np.maximum(np.abs(a), np.abs(b)))
    return np.where(np.isnan(ratio), np.inf, ratio)
