"""How far each runtime may be off, and why."""

from __future__ import annotations

from typing import NamedTuple

from shared.models import Pair


class Bound(NamedTuple):
    """A limit of the losses' ||b - a|| / ||a|| over the default steps; 0 asks for equal bits."""

    limit: float
    reason: str

    def allows(self, curve_difference: float) -> bool:
        """Whether runs of other bits are close enough; equal losses are not equal bits."""
        return self.limit > 0 and curve_difference <= self.limit


BITWISE = Bound(0.0, "the same kernels in the same order: equal bits")

# Another compiler, library or device adds the same numbers in another order. Roundings of a sum
# of n terms are each at most 2**-24 of it and grow like a random walk, by sqrt(n) (Higham,
# "Accuracy and Stability of Numerical Algorithms", section 2.6): n is 1,000 points for the line,
# 784 pixels for softmax. Their losses are convex near the run, so that training does not let the
# difference grow. Seen: at most 2e-7.
CONVEX = Bound(2e-6, "sums in another order: sqrt(1000) roundings of 2**-24; training damps them")

# Adam divides each gradient by its own size, so that the first update is the learning rate times
# the sign: a rounding that turns the sign of a gradient near 0 moves that weight the other way.
# A network then amplifies it. How far, it tells itself: `rounding_drift` of a pair is how far its
# losses move when each initial weight is moved to the next float32, whichever way. XLA and
# TensorFlow 1.15 round as many numbers, at every step, and move them as far. The drifts of five
# seeds lie within a factor of three of each other; an order of magnitude leaves room for other
# processors. tests/pairs/test_one_rounding.py checks all of that.
MARGIN = 10
NETWORK_REASON = "sums in another order; ten times what one rounding of the start grows to"

# The limit is the variant's in shared/models.py, where it is derived;
# tests/pairs/test_keras_adam.py shows that the drift follows it.
KERAS_REASON = "1-beta2 is not rounded to float32: updates 6.4e-6 smaller, which layers amplify"
# Momentum's slot holds what the rate has multiplied already; the rate falls after these runs.
MOMENTUM_REASON = "the rate multiplies before it is added up: other roundings, which layers amplify"

# Runtimes that change the order of additions; an eager run does in some models, see ParityRun.
REORDERED = ("xla", "tf115", "gpu")


def bound_of(runtime: str, pair: Pair) -> Bound:
    """The bound of a runtime, a key of `shared.tools.parity.matrix.RUNTIMES`, for a model."""
    if runtime == "keras":
        has_momentum = pair.variants[0].label == "momentum"
        reason = MOMENTUM_REASON if has_momentum else KERAS_REASON
        return Bound(max(variant.bound for variant in pair.variants), reason)
    if runtime in REORDERED or (runtime == "eager" and pair.parity.eager_reorders):
        drift = pair.parity.rounding_drift
        return CONVEX if drift is None else Bound(MARGIN * drift, NETWORK_REASON)
    return BITWISE
