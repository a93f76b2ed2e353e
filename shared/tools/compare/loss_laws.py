"""Known losses, computed from recorded logits and batches: which one each side takes.

A side's loss is named where one formula gives it at every step, from that side's own numbers. The
labels are whatever tensor of the batch has the form of labels: float32 [..., classes] or whole
numbers [...] for logits [..., classes].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.values import Values

# float32 sums of a few hundred terms are within 1e-5 of float64's; Keras clips at 1e-7.
SAME_LOSS = 3e-5
_CLIP = 1e-7  # keras.config.epsilon()
USUAL = ("the mean of the softmax cross-entropy", "the mean of the squares")
Losses = dict[str, float]


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Returns the logarithm of the softmax over the last axis."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Returns 1 / (1 + exp(-z)) of each element."""
    return 1 / (1 + np.exp(-z))


def sigmoid_cross_entropy(z: np.ndarray, y: np.ndarray | float) -> np.ndarray:
    """Returns that of each element, in TensorFlow's form, which does not overflow."""
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))


def one_hot_labels(labels: np.ndarray, z: np.ndarray) -> np.ndarray | None:
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
    each = -(y * log_softmax(z)).sum(axis=-1)
    softmax = np.exp(log_softmax(z))
    twice = -(y * log_softmax(softmax)).sum(axis=-1)
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
        each = sigmoid_cross_entropy(z, y)
        twice = sigmoid_cross_entropy(sigmoid(z), y)
        found["the mean of the sigmoid cross-entropy"] = each.mean()
        found["the sum of the sigmoid cross-entropy"] = each.sum()
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
            y = one_hot_labels(tensor, form)
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
        here = {n for n, v in known.items() if abs(v - loss[0]) <= SAME_LOSS * abs(loss[0])}
        fitting = here if fitting is None else fitting & here
    return sorted(fitting or ())


def regularization(e: Evidence, side: Values) -> float | None:
    """Returns what a side's loss holds beside the softmax cross-entropy's mean, or squares' mean.

    None where no formula is near: the rest must be above zero and below the loss.
    """
    loss = side.get("loss", "loss", e.step)
    known = known_losses(side, e.step)
    for name in USUAL:
        if name in known and loss is not None and np.isfinite(loss).all():
            return float(loss[0]) - known[name]
    return None


def other_loss(e: Evidence) -> Iterator[str]:
    """Looks for the formula of either loss, at this step and all that follow."""
    if e.names("logits") and not e.agrees("logits", e.names("logits")):
        return
    steps = e.steps[:8]
    of_a, of_b = loss_of(e.in_a, steps), loss_of(e.in_b, steps)
    if e.in_a.names("logits") and not e.in_b.names("logits") and same_start(e):
        # Nobody saw B's logits, as in a loop of TensorFlow 2: if its model is A's, they are A's.
        of_b = loss_of(e.in_b, [e.step], forward=e.in_a)
    if of_a and of_b and not set(of_a) & set(of_b):
        yield f"A's loss is {of_a[0]}, B's is {of_b[0]}"
    elif not of_a and not of_b:
        yield from _beside_a_rest(e)


def same_start(e: Evidence) -> bool:
    """Whether the two begin the step with the same trained variables."""
    variables = [e.before("variable", n) for n in e.trained()]
    return all(p is not None and relative_l2(*p) <= SAME_LOSS for p in variables)


def _beside_a_rest(e: Evidence) -> Iterator[str]:
    """Looks for two formulas beside the same rest, such as a regularization of equal variables."""
    rest, losses = regularization(e, e.in_a), e.losses()
    if rest is None or rest <= 0 or losses is None or not same_start(e):
        return
    known = known_losses(e.in_b, e.step)
    limit = SAME_LOSS * abs(float(losses[1][0]))
    fitting = [n for n, v in known.items() if abs(float(losses[1][0]) - v - rest) <= limit]
    if len(fitting) == 1 and fitting[0] not in USUAL:
        of_a = next(n for n in USUAL if n in known)
        yield f"but for a rest of {rest:.4g}, A's loss is {of_a}, B's is {fitting[0]}"
