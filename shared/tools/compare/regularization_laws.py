"""L2 terms: in one loss only, halved, doubled; sums against means beside one that both have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.tools.compare.evidence import ROUNDING, Evidence, Pair, common_law
from shared.tools.compare.loss_laws import regularization


def l2_in_loss(e: Evidence) -> Iterator[str]:
    """The losses differ by what the gradients say: factor / 2 times the squares of variables."""
    pair, law = e.losses(), _decay_law(e)
    if pair is None or law is None:
        return
    factor, names = law
    befores = [e.before("variable", name) for name in names]
    squares = sum(float((b[0] ** 2).sum()) for b in befores if b is not None)
    apart = float(pair[1][0] - pair[0][0])
    if abs(apart - factor * squares / 2) <= ROUNDING * (abs(float(pair[0][0])) + abs(apart)):
        yield _l2_words(e, factor, names, squares)


def _l2_words(e: Evidence, factor: float, names: list[str], squares: float) -> str:
    """Says what either side's loss holds of the squares, where its formula is known."""
    held = _held_of_squares(e, factor, squares)
    of = f"of {', '.join(names)}"
    if held is not None:
        a, b = held
        small = 1e-2 * abs(factor)
        if abs(b) <= small:
            return f"B leaves out the L2 term {of}: A has {a / 2:.4g} times the sum of squares"
        if abs(a) <= small:
            return f"B adds an L2 term {of} that A has not: {b / 2:.4g} times the sum of squares"
        if abs(b / a - 2) < 0.02:
            return f"B's L2 term {of} is twice A's: tf.nn.l2_loss halves the squares, Keras not"
        if abs(a / b - 2) < 0.02:
            return f"B's L2 term {of} is half of A's: tf.nn.l2_loss halves the squares"
    return (
        f"B's loss is A's plus {factor / 2:.6g} times the squares {of}, and its gradients agree "
        "with that: L2 regularization in one only, or halved in one (as tf.nn.l2_loss does)"
    )


def _held_of_squares(e: Evidence, factor: float, squares: float) -> tuple[float, float] | None:
    """Returns twice what A's loss and B's hold of the sum of squares, which are apart by `factor`.

    The formula of either loss tells it, if its logits were recorded; the other follows.
    """
    rests = regularization(e, e.in_a), regularization(e, e.in_b)
    found = [None if rest is None or not squares else 2 * rest / squares for rest in rests]
    if found[0] is None and found[1] is None:
        return None
    a = found[0] if found[0] is not None else found[1] - factor  # type: ignore[operator]
    b = found[1] if found[1] is not None else a + factor
    return (a, b) if abs(b - a - factor) <= 1e-2 * abs(factor) else None


def sum_beside_l2(e: Evidence) -> Iterator[str]:
    """Looks for a sum against a mean beside an L2 term that both have: g_B = n g_A + rest w."""
    pair, batch = e.losses(), e.batch_size()
    trained = e.trained()
    if pair is None or not trained or batch is None or batch < 2:
        return
    gradients = [e.whole("gradient", n) for n in trained]
    befores = [e.before("variable", n) for n in trained]
    if any(p is None for p in (*gradients, *befores)):
        return
    known = [(g, b[0]) for g, b in zip(gradients, befores, strict=True) if g and b]
    for factor, text in ((float(batch), "sum in B against mean in A"), (1 / batch, "mean in B")):
        decayed = _decayed(e, known, factor)
        if decayed is None:
            continue
        rate, squares = decayed
        rest = float(pair[1][0] - factor * pair[0][0])
        if abs(rest - rate * squares / 2) <= ROUNDING * factor * abs(float(pair[0][0])) * 4:
            more = text if factor > 1 else f"{text} against sum in A"
            yield (
                f"but for an L2 term that both have, B's loss and gradients are {factor:.6g} times "
                f"A's: {more}, over a batch of {batch}"
            )
            return


def _decayed(
    e: Evidence, known: list[tuple[Pair, np.ndarray]], factor: float
) -> tuple[float, float] | None:
    """Fits g_B - factor g_A = rate * w for the variables with an L2 term, and 0 for the others.

    Returns:
        The rate, of the sign that an L2 term of both has, and the sum of their squares.
    """
    xs, ys, noises = [], [], []
    for (a, b), w in known:
        left, noise = b - factor * a, ROUNDING * max(1.0, factor) * float(np.linalg.norm(a))
        if float(np.linalg.norm(left)) > noise:
            if w.shape != left.shape:
                return None
            xs.append(w.ravel())
            ys.append(left.ravel())
            noises.append(noise / 2)
    law = common_law(xs, ys, noises) if xs else None
    if law is None or law.factor * (1 - factor) <= 0:
        return None
    return law.factor, float(sum((x**2).sum() for x in xs))


def _decay_law(e: Evidence) -> tuple[float, list[str]] | None:
    """Fits B's gradients = A's + factor * variable; returns the factor and the variables."""
    names, xs, ys, noises = [], [], [], []
    trained = e.trained()
    for name in e.differing("gradient"):
        pair, before = e.whole("gradient", name), e.before("variable", name)
        if name not in trained:
            continue
        if pair is None or before is None or before[0].shape != pair[0].shape:
            return None
        names.append(name)
        xs.append(before[0].ravel())
        ys.append((pair[1] - pair[0]).ravel())
        noises.append(ROUNDING / 2 * float(np.linalg.norm(pair[0])))
    law = common_law(xs, ys, noises)
    return None if law is None else (law.factor, names)


def decay_in_gradient(e: Evidence) -> Iterator[str]:
    """Looks for a multiple of the variables that B's gradients have more than A's."""
    law = _decay_law(e)
    if law is None or (e.losses() and not e.agrees("loss", ["loss"])):
        return
    yield (
        f"B's gradients of {', '.join(law[1])} are A's plus {law[0]:.6g} times the variable: "
        "weight decay or L2 regularization in one only, or halved in one"
    )
