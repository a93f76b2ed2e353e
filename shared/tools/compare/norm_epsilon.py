"""The epsilon of batch normalization, from the gradients that two traces hold.

Batch normalization takes the scale out of what it is given, but for epsilon. So the gradient of the
kernel W before it is orthogonal to W, channel by channel, but for epsilon: with x the normalized
value, L the loss and v the batch's variance,

    <W, dL/dW> = r * gamma * dL/dgamma,     r = epsilon / (v + epsilon)

since y = gamma x + beta and dx/d(log of W's scale) = x r. Two sides with one start have the same v,
so that r of B over r of A is the ratio of the epsilons, in every channel. To the first order the
losses are apart by the sum of gamma * dL/dgamma * (sqrt((1 - r of B) / (1 - r of A)) - 1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.tools.compare.distances import EPSILON, relative_l2
from shared.tools.compare.evidence import Evidence, Pair

_FACTOR = 1.5  # epsilons that differ by less are not told apart
_SPREAD = 0.05  # relative; r of channels, from sums that nearly cancel
_EXPLAINS = 0.05  # relative; the loss's change is of the first order in epsilon
_DECAYS = (0.9, 0.99, 0.95, 0.997, 0.999, 0.9997)
_USUAL = (1e-2, 2e-3, 1e-3, 1e-4, 2e-5, 1e-5, 1e-6, 1e-7, 1e-8)


def norm_epsilon(e: Evidence) -> Iterator[str]:
    """Looks for two epsilons in the first step, which both begin from one start."""
    losses = e.losses()
    gammas = [n for n in e.trained() if n.rpartition("/")[2] == "gamma"]
    if e.step != e.in_a.first_step() or not gammas or losses is None:
        return
    layers = [_layer(e, gamma) for gamma in gammas]
    ratios, apart = [], 0.0
    for layer in layers:
        if layer is None:
            return
        effect, shares, ratio = layer
        ratios.append(ratio)
        scale = np.sqrt((1 - shares[1]) / (1 - shares[0])) - 1
        apart += float((effect * scale).sum())
    ratio = float(np.median(ratios))
    seen = float(losses[1][0] - losses[0][0])
    noise = 8 * EPSILON[e.a.loss_dtype] * abs(float(losses[0][0]))
    is_one = np.ptp(ratios) <= 2 * _SPREAD * ratio
    if is_one and abs(seen) > 10 * noise and abs(apart - seen) <= _EXPLAINS * abs(seen) + noise:
        yield _words(e, gammas[0], layers[0][1] if layers[0] else (np.ones(1),) * 2, ratio)


Layer = tuple[np.ndarray, Pair, float]


def _layer(e: Evidence, gamma: str) -> Layer | None:
    """Returns gamma * dL/dgamma, r of A and of B, and their ratio; None without a kernel."""
    gradients, before = e.whole("gradient", gamma), e.before("variable", gamma)
    if gradients is None or before is None or relative_l2(*before) > 1e-6:
        return None
    found = []
    for kernel in e.trained():
        fitted = _fitted(e, kernel, before[0] * gradients[0], before[0] * gradients[1])
        if fitted is not None:
            found.append(fitted)
    return found[0] if len(found) == 1 else None


def _fitted(e: Evidence, kernel: str, of_a: np.ndarray, of_b: np.ndarray) -> Layer | None:
    gradients, before = e.whole("gradient", kernel), e.before("variable", kernel)
    if gradients is None or before is None or before[0].ndim < 2:
        return None
    width = before[0].shape[-1]
    if width != of_a.size or width < 2 or relative_l2(*before) > 1e-6:
        return None
    w = before[0].reshape(-1, width)
    inner = [(w * g.reshape(-1, width)).sum(axis=0) for g in gradients]
    sizes = [
        np.linalg.norm(w, axis=0) * np.linalg.norm(g.reshape(-1, width), axis=0) for g in gradients
    ]
    noise = 2 * EPSILON[e.info("variable", kernel).dtype] * np.stack(sizes)
    shares = inner[0] / of_a, inner[1] / of_b
    if not (np.isfinite(shares).all() and (np.median(shares, axis=1) > 0).all()):
        return None
    # Channel by channel n_B = ratio * n_A: by least squares, from the side that is larger.
    larger = int(np.abs(inner[1]).sum() > np.abs(inner[0]).sum())
    ratio = float(inner[1 - larger] @ inner[larger] / (inner[larger] @ inner[larger]))
    left = np.linalg.norm(inner[1 - larger] - ratio * inner[larger])
    limit = _SPREAD * np.linalg.norm(inner[1 - larger]) + np.linalg.norm(noise)
    if ratio <= 0 or ratio > 1 / _FACTOR or left > limit:
        return None
    if np.median(shares[larger]) > 0.5 or 3 * left > np.linalg.norm(inner[1 - larger]):
        return None
    small = ratio * shares[larger]
    pair = (small, shares[1]) if larger else (shares[0], small)
    return (of_a + of_b) / 2, pair, 1 / ratio if larger else ratio


def _words(e: Evidence, gamma: str, shares: Pair, ratio: float) -> str:
    """Names both epsilons where a moving variance tells the batch's, else their ratio."""
    epsilon = _absolute(e, gamma, shares[0])
    other = _usual(epsilon * ratio) if epsilon is not None else None
    first = _usual(epsilon) if epsilon is not None else None
    if first is not None and other is not None:
        return f"the epsilon of batch normalization is {first:g} in A and {other:g} in B"
    return f"the epsilon of batch normalization in B is about {ratio:.2g} times A's"


def _usual(value: float) -> float | None:
    """Returns the epsilon that people write and that is near; a variance may be off by 1/n."""
    return next((u for u in _USUAL if abs(value / u - 1) <= 0.2), None)


def _absolute(e: Evidence, gamma: str, share: np.ndarray) -> float | None:
    """Solves r = epsilon / (v + epsilon), v from what a moving variance takes up at one decay."""
    scope = gamma.rpartition("/")[0]
    for name in e.names("variable"):
        if name.rpartition("/")[0] != scope or not name.endswith(("moving_variance", "moving_var")):
            continue
        update, before = e.in_a.update(name, e.step), e.in_a.before("variable", name, e.step)
        if update is None or before is None or update.shape != share.shape:
            return None
        best: tuple[float, float] | None = None
        for decay in _DECAYS:
            found = (before + update / (1 - decay)) * share / (1 - share)
            spread = float(np.std(found) / abs(np.mean(found)))
            if (found > 0).all() and (best is None or spread < best[0]):
                best = spread, float(np.median(found))
        return best[1] if best is not None and best[0] <= _SPREAD else None
    return None
