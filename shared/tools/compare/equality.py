"""What counts as equal: the same bits, a tolerance, or a distance in ULP."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shared.errors import UsageError
from shared.tools.compare.distances import EPSILON, equal_bits, ulp_distance
from shared.trace_recorder import FLOAT_DTYPES, as_float64

# A sum of n squares in float64, whatever its order, is within n * 2**-53 of the exact one.
_UNIT_ROUNDOFF = 2.0**-53
_SMALLEST = {
    "float16": 2.0**-24,
    "bfloat16": 2.0**-133,
    "float32": 2.0**-149,
    "float64": 2.0**-1074,
}


@dataclass(frozen=True)
class Criterion:
    """A rule for elements `a` (of the reference) and `b`.

    kind "bitwise": equal bits. "tolerance": |b - a| <= atol + rtol * |a|. "ulp": at most
    `max_ulp` representable numbers apart. Integers and bools must be equal under each rule;
    infinity equals the same infinity only; NaN equals NaN of the same bits only.
    """

    kind: str = "bitwise"
    rtol: float = 0.0
    atol: float = 0.0
    max_ulp: int = 0

    @classmethod
    def tolerance(cls, rtol: float = 0.0, atol: float = 0.0) -> Criterion:
        """Make the rule |b - a| <= atol + rtol * |a|.

        Raises:
            UsageError: a tolerance is negative, NaN or infinite.
        """
        for flag, value in (("--rtol", rtol), ("--atol", atol)):
            if not (value >= 0 and math.isfinite(value)):
                raise UsageError(f"{flag}: expected a finite number of 0 or above, found {value}")
        return cls("tolerance", rtol=rtol, atol=atol)

    @classmethod
    def ulp(cls, max_ulp: int) -> Criterion:
        """Make the rule "at most `max_ulp` representable numbers apart".

        Raises:
            UsageError: `max_ulp` is negative.
        """
        if max_ulp < 0:
            raise UsageError(f"--max-ulp: expected a whole number of 0 or above, found {max_ulp}")
        return cls("ulp", max_ulp=max_ulp)

    def __str__(self) -> str:
        """Name the rule as a reader would."""
        if self.kind == "tolerance":
            return f"within rtol {self.rtol:g} and atol {self.atol:g}"
        if self.kind == "ulp":
            return f"within {self.max_ulp} ULP"
        return "bitwise equal"

    def excess(self, a: np.ndarray, b: np.ndarray, dtype: str) -> np.ndarray:
        """Rate each element, as float64: 0 where the rule holds, else larger where it is worse.

        Bitwise, the rate is |b - a|; by tolerance |b - a| over what is allowed; by ULP the
        distance. Infinite where only one is finite.
        """
        equal = equal_bits(a, b)
        wide_a, wide_b = as_float64(a, dtype), as_float64(b, dtype)
        with np.errstate(all="ignore"):
            apart = np.abs(wide_b - wide_a)
            if self.kind == "bitwise" or dtype not in FLOAT_DTYPES:
                rate = np.maximum(apart, np.finfo(np.float64).tiny)  # 0 and -0 differ in bits
            elif self.kind == "tolerance":
                allowed = self.atol + self.rtol * np.abs(wide_a)
                rate = np.where(apart <= allowed, 0.0, apart / allowed)
            else:
                distance = ulp_distance(a, b, dtype)
                rate = np.where(distance <= np.uint64(self.max_ulp), 0.0, distance)
        finite = np.isfinite(wide_a) & np.isfinite(wide_b)
        return np.where(equal, 0.0, np.where(finite, rate, np.inf))

    def norms_can_agree(
        self, norm_a: np.ndarray, norm_b: np.ndarray, sizes: np.ndarray, dtype: str
    ) -> np.ndarray:
        """Whether tensors of these L2 norms can satisfy the rule at all, as bool.

        Necessary, not sufficient: by the triangle inequality the norms of tensors that satisfy
        it elementwise differ by at most the norm of what is allowed, plus the rounding of the
        recorded norms themselves. NaN and infinity say nothing, so they pass. The callers' norms
        are of tensors whose digests differ, which decides at once for bitwise and for integers.
        """
        if self.kind == "bitwise" or dtype not in FLOAT_DTYPES:
            return np.zeros(norm_a.shape, bool)
        with np.errstate(all="ignore"):
            total = norm_a + norm_b
            if self.kind == "tolerance":
                allowed = self.atol * np.sqrt(sizes) + self.rtol * norm_a
            else:  # an ULP of x is at most epsilon * |x|, or the smallest number
                per_ulp = EPSILON[dtype] * total + _SMALLEST[dtype] * np.sqrt(sizes)
                allowed = self.max_ulp * per_ulp
            allowed = allowed + (sizes + 2) * _UNIT_ROUNDOFF * total
            return ~(np.abs(norm_b - norm_a) > allowed)
