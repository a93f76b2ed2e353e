"""Solves for the labels that B's gradients are made of: are they A's in another order?

Shuffled labels move the loss to a number that many orders give nearly. The gradients say more: each
is a sum over the rows, and linear in what a row's logits lack of its label. Where the layers are
dense, and give at least as many independent equations as there are labels, the labels follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from shared.tools.compare.dense_stacks import Form, Stack, stacks
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence
from shared.tools.compare.known_models import Head, fits, model_of_stack, variables_before
from shared.tools.compare.loss_laws import SAME_LOSS, batch_of, one_hot_labels, same_start

Numbers = tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]  # batch, variables
_MOST_EQUATIONS = 8e6  # elements of the matrix that is solved: 64 MB, about a second
# Singular values below this share of the largest say nothing: gradients have 1e-7 of noise.
_RANK = 1e-4
_ONE_HOT = 0.05  # what is solved for must be 0 or 1 within this: noise of 1e-7 over _RANK is 1e-3
_EXPLAINED = 1e-3  # of the difference of the gradients may be left


def shuffled_labels(e: Evidence) -> Iterator[str]:
    """Looks for A's labels in another order, by which B's gradients and loss are those found."""
    if e.step != e.in_a.first_step() or not same_start(e):
        return
    logits = e.in_a.names("logits")
    z = e.in_a.get("logits", logits[0], e.step) if len(logits) == 1 else None
    batch = batch_of(e.in_b, e.step)
    if z is None or z.ndim != 2 or len(z) * z.shape[1] > 2000:
        return
    for labels, tensor in batch.items():
        y = one_hot_labels(tensor, z)
        if y is None or not set(np.unique(y)) <= {0.0, 1.0}:
            continue
        found = _solved(e, z, y)
        if found is not None and _is_other_order(y, found) and _gives_loss(e, z, y, found):
            rows = int((found != y).any(axis=1).sum())
            yield (
                f"B's loss takes the labels {labels} in another order: solved for, the labels that "
                f"its gradients are made of are those of the batch, but {rows} of {len(y)} rows "
                "have another row's"
            )
            return


def _is_other_order(y: np.ndarray, found: np.ndarray) -> bool:
    return bool((found != y).any()) and bool((found.sum(axis=0) == y.sum(axis=0)).all())


def _gives_loss(e: Evidence, z: np.ndarray, y: np.ndarray, found: np.ndarray) -> bool:
    """Whether the labels found move the loss as it moved: log-softmax is z but for a row's sum."""
    losses = e.losses()
    if losses is None:
        return False
    moved = float(((y - found) * z).sum() / len(y))
    a, b = (float(loss[0]) for loss in losses)
    return abs(a + moved - b) <= SAME_LOSS * max(abs(a), abs(b))


def _solved(e: Evidence, z: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Returns the one-hot labels of B's gradients; None where they do not follow."""
    batch = batch_of(e.in_a, e.step)
    variables = variables_before(e.in_a, e.step)
    for stack in stacks(batch, variables):
        if any(layer.norm for layer in stack.layers):
            continue
        fit = next(fits(e, e.in_a, model_of_stack(stack), stack.forms()), None)
        if fit is not None:
            return _labels(e, stack, Form(*fit.form), fit.head, (batch, variables), y)
    return None


def _labels(
    e: Evidence, stack: Stack, form: Form, head: Head, numbers: Numbers, y: np.ndarray
) -> np.ndarray | None:
    variables = numbers[1]
    units = _units(*y.shape)
    hidden = sum(variables[n].size for n in stack.variables)
    last = variables[head.weights]
    if len(units) * max(last.size, len(y) * len(last)) > _MOST_EQUATIONS:
        return None
    columns = _of_head(stack, form, head, numbers, units)
    if len(units) * (last.size + hidden) <= _MOST_EQUATIONS:
        columns.update(stack.gradients(*numbers, form, units @ last.T))
    equations, moved = [], []
    for name, of_units in columns.items():
        pair = e.whole("gradient", name)
        if pair is not None and pair[0].shape == of_units.shape[1:]:
            equations.append(of_units.reshape(len(units), -1).T)
            moved.append((pair[1] - pair[0]).ravel())
    if not equations:
        return None
    return _one_hot(np.concatenate(equations), np.concatenate(moved), units, y)


def _units(rows: int, classes: int) -> np.ndarray:
    """Returns what the mean's gradient by the logits may move by, [unknowns, rows, classes].

    A row of one-hot labels sums to 1, so the last class loses what another one gains.
    """
    units = np.zeros((rows, classes - 1, rows, classes))
    for row in range(rows):
        for label in range(classes - 1):
            units[row, label, row, [label, -1]] = 1 / rows, -1 / rows
    return units.reshape(-1, rows, classes)


def _of_head(
    stack: Stack, form: Form, head: Head, numbers: Numbers, units: np.ndarray
) -> dict[str, np.ndarray]:
    h = stack.output(*numbers, form)
    found = {head.weights: np.einsum("ri,fro->fio", h, units, optimize=True)}
    if head.bias is not None:
        found[head.bias] = units.sum(axis=1)
    return found


def _one_hot(
    matrix: np.ndarray, moved: np.ndarray, units: np.ndarray, y: np.ndarray
) -> np.ndarray | None:
    """Returns y less what moved the gradients, if that follows and is one-hot."""
    solution, _, rank, _ = np.linalg.lstsq(matrix, moved, rcond=_RANK)
    if rank < matrix.shape[1] or relative_l2(moved, matrix @ solution) > _EXPLAINED:
        return None
    labels = y - len(y) * np.tensordot(solution, units, axes=1)
    whole = np.round(labels)
    is_one_hot = (whole.sum(axis=1) == 1).all() and set(np.unique(whole)) <= {0.0, 1.0}
    return whole if is_one_hot and np.abs(labels - whole).max() <= _ONE_HOT else None
