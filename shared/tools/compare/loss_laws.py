"""Known losses, computed from recorded logits and batches: which one each side takes.

A side's loss is named where one formula gives it at every step, from that side's own numbers. The
labels are whatever tensor of the batch has the form of labels: float32 [..., classes] or whole
numbers [...] for logits [..., classes].
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.values import Values

# float32 sums of a few hundred terms are within 1e-5 of float64's; Keras clips at 1e-7.
_SAME = 3e-5
_CLIP = 1e-7  # keras.config.epsilon()
_USUAL = ("the mean of the softmax cross-entropy", "the mean of the squares")
Losses = dict[str, float]


def _log_softmax(z: np.ndarray) -> np.ndarray:
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _one_hot(labels: np.ndarray, z: np.ndarray) -> np.ndarray | None:
    """Returns labels in the form of the logits, if they are labels."""
    if labels.shape == z.shape and z.ndim > 1:
        sums = labels.sum(axis=-1)
        is_share = (labels >= 0).all() and np.allclose(sums, 1, atol=1e-5)
        return labels if is_share else None
    if labels.shape != z.shape[:-1] or z.shape[-1] < 2:
        return None
    whole = labels.astype(int)
    if (whole != labels).any() or whole.min() < 0 or whole.max() >= z.shape[-1]:
        return None
    return np.eye(z.shape[-1])[whole]


def _masks(batch: Mapping[str, np.ndarray], labels: np.ndarray, shape: tuple[int, ...]) -> Iterator:
    """Yields what may weigh the positions of a sequence: a mask, lengths, labels above 0."""
    if len(shape) != 2:
        return
    for tensor in batch.values():
        if tensor.shape == shape and set(np.unique(tensor)) <= {0.0, 1.0} and 0 < tensor.mean() < 1:
            yield tensor
        is_lengths = tensor.shape == shape[:1] and (tensor == tensor.astype(int)).all()
        if is_lengths and tensor.min() >= 0 and tensor.max() <= shape[1]:
            yield (np.arange(shape[1]) < tensor[:, None]).astype(float)
    if labels.shape == shape and 0 < (labels != 0).mean() < 1:
        yield (labels != 0).astype(float)


def _of_classes(z: np.ndarray, y: np.ndarray, masks: list[np.ndarray]) -> Losses:
    each = -(y * _log_softmax(z)).sum(axis=-1)
    softmax = np.exp(_log_softmax(z))
    twice = -(y * _log_softmax(softmax)).sum(axis=-1)
    share = np.clip(z / z.sum(axis=-1, keepdims=True), _CLIP, 1 - _CLIP)
    as_given = -(y * np.log(share)).sum(axis=-1)
    found = {
        "the mean of the softmax cross-entropy": each.mean(),
        "the sum of the softmax cross-entropy": each.sum(),
        "the cross-entropy of a softmax taken twice": twice.mean(),
        "the cross-entropy of logits taken for probabilities (from_logits=False)": as_given.mean(),
    }
    for mask in masks:
        found["the softmax cross-entropy averaged over the mask"] = (each * mask).sum() / mask.sum()
        found["the masked softmax cross-entropy averaged over all positions"] = (each * mask).mean()
        found["the sum of the masked softmax cross-entropy"] = (each * mask).sum()
    return {name: float(value) for name, value in found.items()}


def _of_numbers(z: np.ndarray, y: np.ndarray) -> Losses:
    if y.size == z.size and y.shape != z.shape and 1 in (*y.shape, *z.shape):
        y = y.reshape(z.shape)
    if y.shape != z.shape:
        return {}
    squares = (z - y) ** 2
    found = {
        "the mean of the squares": squares.mean(),
        "half of the mean of the squares": squares.mean() / 2,
        "half of the sum of the squares (tf.nn.l2_loss)": squares.sum() / 2,
        "the sum of the squares": squares.sum(),
        "the mean of the absolute differences": np.abs(z - y).mean(),
    }
    if set(np.unique(y)) <= {0.0, 1.0}:
        sigmoid = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
        again = 1 / (1 + np.exp(-z))
        twice = np.maximum(again, 0) - again * y + np.log1p(np.exp(-again))
        found["the mean of the sigmoid cross-entropy"] = sigmoid.mean()
        found["the sum of the sigmoid cross-entropy"] = sigmoid.sum()
        found["the cross-entropy of a sigmoid taken twice"] = twice.mean()
    return {name: float(value) for name, value in found.items()}


def known_losses(side: Values, step: int) -> Losses:
    """Returns what known formulas give for a step of one trace: name -> loss."""
    names = side.names("logits")
    z = side.get("logits", names[0], step) if len(names) == 1 else None
    return {} if z is None else losses_from(z, batch_of(side, step))


def batch_of(side: Values, step: int) -> dict[str, np.ndarray]:
    """Returns the batch of a step, as far as it was kept whole."""
    batch = {n: side.get("batch", n, step) for n in side.names("batch")}
    return {name: value for name, value in batch.items() if value is not None}


def losses_from(z: np.ndarray, batch: Mapping[str, np.ndarray]) -> Losses:
    """Returns what known formulas give for logits and a batch: name -> loss.

    A name that several tensors of the batch fit keeps the value of the last that does.

    Args:
        z: [..., classes]; may be [rows * time, classes] of labels [rows, time].
        batch: among it the labels.
    """
    if z.ndim == 0 or z.size == 0:
        return {}
    found: Losses = {}
    with np.errstate(all="ignore"):
        for tensor in batch.values():
            form = _like_labels(z, tensor)
            y = _one_hot(tensor, form)
            if y is not None:
                found.update(_of_classes(form, y, list(_masks(batch, tensor, form.shape[:-1]))))
            else:
                found.update(_of_numbers(z, tensor))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _like_labels(z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns logits whose rows stand as the labels do: TensorFlow flattens them to two axes."""
    if z.ndim == 2 and labels.ndim > 1 and labels.size == len(z) and labels.shape != z.shape:
        return z.reshape((*labels.shape, z.shape[1]))
    return z


def loss_of(side: Values, steps: list[int], forward: Values | None = None) -> list[str]:
    """Returns the formulas that give the recorded loss at each of the steps.

    `forward` is where logits and batch are taken from; the side itself where None.
    """
    fitting: set[str] | None = None
    for step in steps:
        loss = side.get("loss", "loss", step)
        if loss is None or not np.isfinite(loss).all():
            return []
        known = known_losses(forward or side, step)
        here = {n for n, v in known.items() if abs(v - loss[0]) <= _SAME * abs(loss[0])}
        fitting = here if fitting is None else fitting & here
    return sorted(fitting or ())


def regularization(e: Evidence, side: Values) -> float | None:
    """Returns what a side's loss holds beside the softmax cross-entropy's mean, or squares' mean.

    None where no formula is near: the rest must be above zero and below the loss.
    """
    loss = side.get("loss", "loss", e.step)
    known = known_losses(side, e.step)
    for name in _USUAL:
        if name in known and loss is not None and np.isfinite(loss).all():
            return float(loss[0]) - known[name]
    return None


def other_loss(e: Evidence) -> Iterator[str]:
    """Looks for the formula of either loss, at this step and all that follow."""
    if e.names("logits") and not e.agrees("logits", e.names("logits")):
        return
    steps = e.steps[:8]
    of_a, of_b = loss_of(e.in_a, steps), loss_of(e.in_b, steps)
    if e.in_a.names("logits") and not e.in_b.names("logits") and _same_start(e):
        # Nobody saw B's logits, as in a loop of TensorFlow 2: if its model is A's, they are A's.
        of_b = loss_of(e.in_b, [e.step], forward=e.in_a)
    if of_a and of_b and not set(of_a) & set(of_b):
        yield f"A's loss is {of_a[0]}, B's is {of_b[0]}"
    elif not of_a and not of_b:
        yield from _beside_a_rest(e)


def _same_start(e: Evidence) -> bool:
    """Whether the two begin the step with the same trained variables."""
    variables = [e.before("variable", n) for n in e.trained()]
    return all(p is not None and relative_l2(*p) <= _SAME for p in variables)


def _beside_a_rest(e: Evidence) -> Iterator[str]:
    """Looks for two formulas beside the same rest, such as a regularization of equal variables."""
    rest, losses = regularization(e, e.in_a), e.losses()
    if rest is None or rest <= 0 or losses is None or not _same_start(e):
        return
    known = known_losses(e.in_b, e.step)
    limit = _SAME * abs(float(losses[1][0]))
    fitting = [n for n, v in known.items() if abs(float(losses[1][0]) - v - rest) <= limit]
    if len(fitting) == 1 and fitting[0] not in _USUAL:
        of_a = next(n for n in _USUAL if n in known)
        yield f"but for a rest of {rest:.4g}, A's loss is {of_a}, B's is {fitting[0]}"


# ---- labels of other rows or classes -----------------------------------------------------------

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
    if len(e.in_a.names("logits")) != 1 or not (own or _same_start(e)):
        return
    steps = e.steps[:8] if own else [e.step]
    formulas, rest = loss_of(e.in_a, e.steps[:8]), 0.0
    if not formulas:  # beside a regularization, which is the same while the variables are
        steps, formulas = [e.step], list(_USUAL)
        found = regularization(e, e.in_a) if _same_start(e) else None
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


def _forward(e: Evidence, step: int, own: bool) -> tuple[np.ndarray | None, Losses | dict]:
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
    limit = _SAME * abs(float(loss[0]))
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
    one_hot = _one_hot(given, z)
    if one_hot is not None:
        apart = np.exp(_log_softmax(z)) - one_hot
        expected = apart.reshape(-1, z.shape[-1]).mean(axis=0)
    elif given.shape == z.shape and set(np.unique(given)) <= {0.0, 1.0}:
        expected = (1 / (1 + np.exp(-z)) - given).reshape(-1, z.shape[-1]).sum(axis=0) / z.size
    else:
        return False
    found = [e.in_b.get("gradient", n, e.step) for n in e.trained()]
    same = [g for g in found if g is not None and g.shape == expected.shape]
    return any(relative_l2(expected, g) <= 10 * _SAME for g in same)


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
        float(np.mean(np.maximum(z, 0) - z * label + np.log1p(np.exp(-np.abs(z)))))
        for z, label in zip(logits, labels, strict=True)
        if z is not None
    ]
    return abs(scale * sum(entropies) - float(loss[0])) <= _SAME * abs(float(loss[0]))
