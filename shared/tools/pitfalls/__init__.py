"""What changes numbers or behaviour between TF1 style and TF2 style, each thing measured.

`CATALOGUE` holds every pitfall in the order in which `pairs pitfalls` lists them; a module holds
those of one subject. The TF1-style halves run under TensorFlow 1.15 on Python 3.7 too, so this
package needs NumPy and the standard library only until something is measured.
"""

from __future__ import annotations

from shared.tools.pitfalls import (
    adam,
    cross_entropy,
    dropout,
    graphs,
    layers,
    learning_rate,
    losses,
    optimizers,
    upgrade,
)
from shared.tools.pitfalls.pitfall import Pitfall

CATALOGUE = (
    adam.EPSILON,
    adam.STATE,
    adam.ROUNDING,
    optimizers.RMSPROP,
    optimizers.ADAGRAD,
    learning_rate.MOMENTUM,
    dropout.SEED,
    dropout.NAN,
    losses.REDUCTION,
    losses.UNREDUCED,
    cross_entropy.LABEL_GRADIENT,
    cross_entropy.NAIVE,
    layers.BATCH_NORMALIZATION,
    layers.INITIALIZERS,
    learning_rate.FROZEN_RATE,
    graphs.SIDE_EFFECTS,
    graphs.TRACING,
    graphs.EQUALITY,
    upgrade.CONVERTER,
    upgrade.REMOVED_NAMES,
)

__all__ = ["CATALOGUE", "Pitfall"]
