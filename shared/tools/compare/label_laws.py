"""Losses that are A's formula with other labels: other rows, other classes, other constants."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.loss_laws import (
    SAME_LOSS,
    USUAL,
    batch_of,
    log_softmax,
    loss_of,
    losses_from,
    one_hot_labels,
    regularization,
    same_start,
    sigmoid,
    sigmoid_cross_entropy,
)
from shared.tools.compare.values import Values

_EXCHANGES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "its rows are in reverse order": lambda y, classes: y[::-1],
    "each row has those of the row before": lambda y, classes: np.roll(y, 1, axis=0),
    "each row has those of the row after": lambda y, classes: np.roll(y, -1, axis=0),
    "the last class stands for the first, and so on": lambda y, classes: (
        y[..., ::-1] if _is_one_hot(y, classes) else max(classes, 2) - 1 - y
    ),
    "each is one class higher": lambda y, classes: (
        np.roll(y, 1, axis=-1) if _is_one_hot(y, classes) else (y + 1) % max(classes, 2)
    ),
    "each is one class lower": lambda y, classes: (
        np.roll(y, -1, axis=-1) if _is_one_hot(y, classes) else (y - 1) % max(classes, 2)
    ),
}


def _is_one_hot(y: np.ndarray, classes: int) -> bool:
    return y.ndim > 1 and classes > 1 and y.shape[-1] == classes


def exchanged_labels(e: Evidence) -> Iterator[str]:
    """Looks for A's formula in B with the labels of other rows, or of other classes.

    It takes two steps of which B's own logits are known, or, beside one, the gradient of a bias of
    the logits, which is the mean of what the logits lack of the labels.
    """
    own = bool(e.in_b.names("logits"))
    if len(e.in_a.names("logits")) != 1 or not (own or same_start(e)):
        return
    steps = e.steps[:8] if own else [e.step]
    formulas, rest = loss_of(e.in_a, e.steps[:8]), 0.0
    if not formulas:  # beside a regularization, which is the same while the variables are
        steps, formulas = [e.step], list(USUAL)
        found = regularization(e, e.in_a) if same_start(e) else None
        if found is None or found <= 0:
            return
        rest = found
    fitting = []
    for word, exchange in _EXCHANGES.items():
        for labels in e.names("batch"):
            seen = [_fits_exchanged(e, s, labels, exchange, formulas, own, rest) for s in steps]
            known = [fits for fits in seen if fits is not None]
            enough = len(known) > 1 or _bias_agrees(e, labels, exchange, own)
            if known and all(known) and enough:
                fitting.append((labels, word))
    if len({word for _, word in fitting}) == 1:
        labels, word = fitting[0]
        yield f"B's loss is A's with other labels {labels}: {word}"


def _forward(e: Evidence, step: int, own: bool) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
    side = e.in_b if own else e.in_a
    return side.get("logits", side.names("logits")[0], step), batch_of(e.in_b, step)


def _fits_exchanged(
    e: Evidence,
    step: int,
    labels: str,
    exchange: Callable[[np.ndarray, int], np.ndarray],
    formulas: list[str],
    own: bool,
    rest: float,
) -> bool | None:
    """Whether B's loss is one of the formulas of exchanged labels; None where it cannot tell."""
    z, batch = _forward(e, step, own)
    loss, y = e.in_b.get("loss", "loss", step), batch.get(labels)
    if z is None or y is None or loss is None or y.ndim == 0 or z.ndim == 0:
        return None
    classes = z.shape[-1]
    plain = losses_from(z, {labels: y})
    other = losses_from(z, {labels: exchange(y, classes)})
    names = [n for n in formulas if n in plain and n in other]
    limit = SAME_LOSS * abs(float(loss[0]))
    if not names or all(abs(other[n] - plain[n]) <= 10 * limit for n in names):
        return None  # the exchange changes nothing that could be seen
    return any(abs(other[n] + rest - float(loss[0])) <= limit for n in names)


def _bias_agrees(
    e: Evidence, labels: str, exchange: Callable[[np.ndarray, int], np.ndarray], own: bool
) -> bool:
    """Whether the gradient of a bias in B is that of a cross-entropy's mean of such labels."""
    z, batch = _forward(e, e.step, own)
    y = batch.get(labels)
    if z is None or y is None or z.ndim < 2:
        return False
    given = exchange(y, z.shape[-1])
    one_hot = one_hot_labels(given, z)
    if one_hot is not None:
        apart = np.exp(log_softmax(z)) - one_hot
        expected = apart.reshape(-1, z.shape[-1]).mean(axis=0)
    elif given.shape == z.shape and set(np.unique(given)) <= {0.0, 1.0}:
        expected = (sigmoid(z) - given).reshape(-1, z.shape[-1]).sum(axis=0) / z.size
    else:
        return False
    found = [e.in_b.get("gradient", n, e.step) for n in e.trained()]
    same = [g for g in found if g is not None and g.shape == expected.shape]
    return any(relative_l2(expected, g) <= 10 * SAME_LOSS for g in same)


# ---- constant labels, as of a generative adversarial network -----------------------------------

_TARGETS = (0.0, 1.0, 0.9)  # 0.9: labels smoothed on one side
_SCALES = (1.0, 0.5)


def constant_labels(e: Evidence) -> Iterator[str]:
    """Looks for sums of sigmoid cross-entropies of several logits, with constant labels."""
    steps = [s for s in e.steps[:8] if _same_kind(e, s)]
    of_a, of_b = (_targets(side, e.names("logits"), steps) for side in (e.in_a, e.in_b))
    if len(of_a) != 1 or len(of_b) != 1 or of_a == of_b:
        return
    (labels_a, scale_a), (labels_b, scale_b) = of_a[0], of_b[0]
    if scale_a == scale_b:
        shown = [", ".join(f"{label:g}" for label in labels) for labels in (labels_a, labels_b)]
        yield (
            f"the loss adds the sigmoid cross-entropies of {len(labels_a)} logits: with the labels "
            f"{shown[0]} in A and {shown[1]} in B"
        )


def _same_kind(e: Evidence, step: int) -> bool:
    """Whether a step trains the variables that this step does: of several optimizers, the same."""
    for side in (e.in_a, e.in_b):
        trained = [
            [n for n in side.trained() if side.norm("gradient", n, s) is not None]
            for s in (e.step, step)
        ]
        if trained[0] != trained[1]:
            return False
    return True


def _targets(
    side: Values, names: Sequence[str], steps: Sequence[int]
) -> list[tuple[tuple[float, ...], float]]:
    """Returns the labels, and the factor, that give a side's losses at two steps or more."""
    fitting = []
    for labels in itertools.product(_TARGETS, repeat=min(len(names), 4)):
        for scale in _SCALES:
            seen = [_has_loss(side, names, step, labels, scale) for step in steps]
            known = [fits for fits in seen if fits is not None]
            if len(known) > 1 and all(known):
                fitting.append((labels, scale))
    return fitting


def _has_loss(
    side: Values, names: Sequence[str], step: int, labels: Sequence[float], scale: float
) -> bool | None:
    logits = [side.get("logits", name, step) for name in names]
    loss = side.get("loss", "loss", step)
    if loss is None or len(logits) < 2 or any(z is None for z in logits):
        return None
    entropies = [
        float(np.mean(sigmoid_cross_entropy(z, label)))
        for z, label in zip(logits, labels, strict=True)
        if z is not None
    ]
    return abs(scale * sum(entropies) - float(loss[0])) <= SAME_LOSS * abs(float(loss[0]))
