"""Clipped gradients, learning rates that change, and rows of embeddings, told from both sides.

`clip_by_global_norm(c)` multiplies all gradients by min(1, c / G), G the norm over all of them;
`clip_by_norm(c)`, and Keras's clipnorm, multiply each tensor by min(1, c / its own norm). Under
gradient descent the updates show it: their norm is learning_rate * c wherever clipping acts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import Evidence, Pair, common_factor
from shared.tools.compare.values import Values

_SAME = 1e-4  # relative; norms of float32 updates, which are small beside the variables
_STEPS = 8


# ---- learning rates over the steps ----------------------------------------------------------


def _rate(side: Values, names: list[str], step: int) -> float | None:
    """Returns a side's learning rate, if it is gradient descent: its updates over its gradients."""
    pairs = []
    for name in names:
        g, u = side.get("gradient", name, step), side.update(name, step)
        if g is None or u is None or g.shape != u.shape:
            return None
        pairs.append((g, u))
    factor = common_factor(pairs, share=1e-3) if pairs else None
    return None if factor is None else -factor


def rates(e: Evidence) -> str | None:
    """Compares the learning rates of gradient descent over the steps that follow."""
    names = e.trained()
    steps = e.steps[:_STEPS]
    of_a = [_rate(e.in_a, names, step) for step in steps]
    of_b = [_rate(e.in_b, names, step) for step in steps]
    known_a, known_b = [r for r in of_a if r], [r for r in of_b if r]
    if len(known_a) != len(steps) or len(known_b) != len(steps) or len(steps) < 3:
        return None
    if _clip_norms(e, known_a, known_b, steps):
        return _clip_norms(e, known_a, known_b, steps)
    a, b = np.array(known_a), np.array(known_b)
    norms = [[e.global_norm(s, "gradient", t) for t in steps] for s in (e.in_a, e.in_b)]
    if all(n is not None for side in norms for n in side):
        sizes = a * np.array(norms[0], float), b * np.array(norms[1], float)
        if _constant(sizes[0]) and _constant(sizes[1]) and not _constant(a):
            return (
                f"all updates of a step together have the norm {sizes[0][0]:.4g} in A and "
                f"{sizes[1][0]:.4g} in B, at each step: both clip, to another norm or at another "
                "rate"
            )
    if _equal(a[1:], b[:-1]) and not _constant(a):
        return "B's schedule is one step ahead of A's: its step is counted from 1, or before"
    if _equal(b[1:], a[:-1]) and not _constant(b):
        return "B's schedule is one step behind A's"
    if _constant(b) and not _constant(a):
        return f"A's learning rate goes from {a[0]:.4g} to {a[-1]:.4g}, B's stays at {b[0]:.4g}"
    if _constant(a) and not _constant(b):
        return f"B's learning rate goes from {b[0]:.4g} to {b[-1]:.4g}, A's stays at {a[0]:.4g}"
    if _constant(a) and _constant(b):
        return f"the learning rate is {a[0]:.4g} in A and {b[0]:.4g} in B"
    return None


def _constant(values: np.ndarray) -> bool:
    return bool(np.ptp(values) <= _SAME * abs(values[0]))


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size > 0 and bool((np.abs(b - a) <= _SAME * np.abs(a)).all())


def _clip_norms(e: Evidence, a: list[float], b: list[float], steps: list[int]) -> str | None:
    """Looks for one side whose rate is min(rate, c / global norm) of the other's constant rate."""
    for mine, others, side, word, other in (
        (np.array(b), np.array(a), e.in_b, "B", "A"),
        (np.array(a), np.array(b), e.in_a, "A", "B"),
    ):
        norms = [e.global_norm(side, "gradient", step) for step in steps]
        if any(norm is None for norm in norms) or not _constant(others):
            continue
        clips = mine < others * (1 - _SAME)
        products = mine * np.array(norms, float) / others
        at_most = products[clips]
        if clips.sum() >= 2 and np.ptp(at_most) <= 1e-3 * at_most[0] and not _constant(mine):
            unclipped = np.array(norms, float)[~clips]
            if (unclipped <= at_most[0] * (1 + 1e-3)).all():
                return (
                    f"{word} clips its gradients to the global norm {at_most[0]:.3g}, {other} "
                    "does not"
                )
    return None


# ---- clipping -------------------------------------------------------------------------------


def _norms(pairs: dict[str, Pair]) -> tuple[np.ndarray, np.ndarray]:
    sides = [[float(np.linalg.norm(pair[side])) for pair in pairs.values()] for side in (0, 1)]
    return np.array(sides[0]), np.array(sides[1])


def _scaled_each(pairs: dict[str, Pair]) -> dict[str, float] | None:
    """Returns the factor of each tensor, where every tensor of B is A's times one of its own."""
    factors = {}
    for name, (a, b) in pairs.items():
        factor = common_factor([(a, b)], share=1e-3) if a.size > 1 else None
        if factor is None or factor <= 0:
            return None
        factors[name] = factor
    return factors


def clipped(e: Evidence) -> Iterator[str]:
    """Looks at updates that are A's, each tensor by a factor of its own."""
    updates = {n: p for n in e.trained() if (p := e.update(n)) is not None}
    yield from _each_by_its_norm(e, updates, "updates")
    gradients = {n: e.whole("gradient", n) for n in updates}
    for side, word in ((1, "B"), (0, "A")):
        flat = [(g[side].ravel(), -updates[n][side].ravel()) for n, g in gradients.items() if g]
        if flat:
            g, u = (np.concatenate(column) for column in zip(*flat, strict=True))
            most = _plateau(g, u)
            if most is not None:
                yield f"{word} clips each element of its gradients to {most:.3g}"
                return


def _plateau(g: np.ndarray, u: np.ndarray) -> float | None:
    """Returns c, if u is rate * clip(g, -c, c) and clipping acts on three elements or more."""
    top = np.abs(u) >= np.abs(u).max() * (1 - 1e-4)
    if top.sum() < 3 or top.all() or not g[~top].any():
        return None
    rate = float(g[~top] @ u[~top] / (g[~top] @ g[~top]))
    most = float(np.abs(u).max() / rate) if rate > 0 else 0.0
    if most <= 0 or (np.abs(g[top]) < most * (1 - 1e-3)).any():
        return None
    return most if relative_l2(rate * np.clip(g, -most, most), u) <= 1e-3 else None


def clipped_gradients(e: Evidence) -> Iterator[str]:
    """Looks at recorded gradients of which one side's are clipped."""
    gradients = {n: p for n in e.trained() if (p := e.whole("gradient", n)) is not None}
    told = list(_each_by_its_norm(e, gradients, "gradients"))
    yield from told or _by_value(gradients)
    if told:
        return
    if common_factor(gradients.values()) is not None and len(e.steps) > 1:
        yield from _constant_norm(e)


def _constant_norm(e: Evidence) -> Iterator[str]:
    steps = e.steps[:_STEPS]
    for side, word, other in ((e.in_b, "B", "A"), (e.in_a, "A", "B")):
        norms = np.array([e.global_norm(side, "gradient", s) or np.nan for s in steps])
        unlike = np.array(
            [
                e.global_norm(e.in_a if word == "B" else e.in_b, "gradient", s) or np.nan
                for s in steps
            ]
        )
        # Several steps of one norm, and none above it, are a threshold; chance does not repeat six
        # digits. At this step the other side's norm is above it.
        most = norms.max()
        at_most = norms >= most * (1 - 1e-5)
        if at_most[0] and at_most.sum() >= 2 and unlike[0] > most * (1 + 1e-3):
            yield (
                f"{word}'s gradients have the global norm {most:.4g} at {at_most.sum()} of "
                f"{len(steps)} steps and never more: they are clipped there, {other}'s are not"
            )
            return


def _each_by_its_norm(e: Evidence, pairs: dict[str, Pair], what: str) -> Iterator[str]:
    factors = _scaled_each(pairs)
    if factors is None or len(factors) < 2:
        return
    values = np.array(list(factors.values()))
    if np.ptp(values) <= 1e-3 * values.max():
        return
    a, b = _norms(pairs)
    for norms, word, other in ((b, "B", "A"), (a, "A", "B")):
        top = norms >= norms.max() * (1 - _SAME)
        if top.sum() < 2:
            continue
        # The other side's are clipped together or not at all, which keeps their ratios: then those
        # below the threshold have one factor, those at it one each.
        below = (b / a if word == "B" else a / b)[~top]
        if below.size == 0 or np.ptp(below) <= 1e-3 * below.max():
            yield (
                f"{word}'s {what} of several tensors have one norm, {norms.max():.4g}, {other}'s "
                f"have not: {word} clips each tensor by its own norm (clip_by_norm, Keras's "
                f"clipnorm), {other} all by their global norm or not at all"
            )
            return


def _by_value(pairs: dict[str, Pair]) -> Iterator[str]:
    if not pairs:
        return
    a = np.concatenate([x.ravel() for x, _ in pairs.values()])
    b = np.concatenate([y.ravel() for _, y in pairs.values()])
    for wide, narrow, word in ((a, b, "B"), (b, a, "A")):
        most = np.abs(narrow).max()
        at_most = (np.abs(narrow) >= most * (1 - 1e-6)).sum() >= 3
        if most and at_most and relative_l2(np.clip(wide, -most, most), narrow) <= 3e-5:
            yield f"{word} clips each element of its gradients to {most:.4g}"
            return


# ---- embeddings -----------------------------------------------------------------------------


def sparse_rows(e: Evidence) -> Iterator[str]:
    """Looks at the rows of a table that a batch does not use, and those that it uses twice."""
    name = e.tensor
    gradient, update = e.whole("gradient", name), e.update(name)
    if gradient is None or update is None or gradient[0].ndim < 2:
        return
    yield from _unused_rows(name, gradient[0], update, "updates")


def sparse_slots(e: Evidence) -> Iterator[str]:
    """Looks likewise at a slot of such a table."""
    owners = [n for n in e.names("gradient") if e.tensor.startswith(n + "/")]
    owner = max(owners, key=len, default=None)
    gradient, now = e.whole("gradient", owner or ""), e.whole("slot", e.tensor)
    if gradient is None or now is None or now[0].ndim < 2 or now[0].shape != gradient[0].shape:
        return
    before = e.before("slot", e.tensor) or (np.zeros_like(now[0]), np.zeros_like(now[1]))
    unit = _unit(now, gradient[0])
    changes = (now[0] - before[0], (now[1] - before[1]) / unit)
    told = list(_unused_rows(owner or "", gradient[0], changes, "slots"))
    yield from told or _repeated_rows(e, owner or "", gradient[0], now, unit)


def _unit(now: Pair, gradient: np.ndarray) -> float:
    """Returns what B's slot is measured in: -rate, where it is Keras's momentum, else 1."""
    used = gradient.reshape(len(gradient), -1).any(axis=1)
    a, b = now[0][used].ravel(), now[1][used].ravel()
    factor = float(a @ b / (a @ a)) if a.any() else 1.0
    return factor if factor < 0 else 1.0


def _unused_rows(name: str, gradient: np.ndarray, changes: Pair, what: str) -> Iterator[str]:
    """Looks for a difference in exactly the rows without gradient, which one side leaves alone."""
    unused = ~gradient.reshape(len(gradient), -1).any(axis=1)
    if not unused.any() or unused.all():
        return
    for still, moving, word, other in ((0, 1, "B", "A"), (1, 0, "A", "B")):
        if changes[still][unused].any() or not changes[moving][unused].any():
            continue
        if what == "updates" and relative_l2(changes[0][~unused], changes[1][~unused]) > 1e-3:
            continue
        yield (
            f"{word} changes all rows of {name}, {other} only those that the batch uses: a sparse "
            "gradient is made dense, or its momentum goes on where no gradient comes "
            "(TensorFlow 1's sparse kernels leave such rows alone)"
        )
        return


def _repeated_rows(
    e: Evidence, name: str, gradient: np.ndarray, now: Pair, unit: float
) -> Iterator[str]:
    """Looks for a difference in exactly the rows whose id stands in the batch more than once."""
    rows = len(gradient)
    used = np.asarray(gradient.reshape(rows, -1).any(axis=1))
    apart = np.abs(now[1] / unit - now[0]).reshape(rows, -1).max(axis=1)
    scale = np.abs(now[0]).reshape(rows, -1).max(axis=1)
    differs = apart > 1e-3 * np.maximum(scale, 1e-30)
    counts = _id_counts(e, rows, used)
    if counts is not None:
        is_repeated = counts > 1
        # Rows of single ids must show that they agree.
        shows = is_repeated.any() and (counts == 1).any()
        if shows and np.array_equal(differs, is_repeated):
            yield (
                f"only the rows of {name} differ whose id the batch holds more than once: "
                f"{_SQUARES_EACH}"
            )
    elif differs.any() and _only_a_squares(e, gradient, now) and _others_agree(e, name):
        yield (
            f"A's {e.tensor} is a multiple of the recorded gradient's square, B's is not, though "
            f"its other slots agree: {_SQUARES_EACH}"
        )


def _others_agree(e: Evidence, name: str) -> bool:
    others = [s for s in e.names("slot") if s.startswith(name + "/") and s != e.tensor]
    return bool(others) and e.agrees("slot", others)


_SQUARES_EACH = (
    "one side sums their gradients before it squares them, the other squares each (Keras's Adam "
    "with IndexedSlices)"
)


def _id_counts(e: Evidence, rows: int, used: np.ndarray) -> np.ndarray | None:
    """Returns how often the batch holds each row's id, from the tensor of ids that was fed."""
    for tensor in e.names("batch"):
        pair = e.whole("batch", tensor)
        if pair is None or (pair[0] != pair[0].astype(int)).any():
            continue
        ids = pair[0].astype(int).ravel()
        if ids.size and ids.min() >= 0 and ids.max() < rows:
            counts = np.bincount(ids, minlength=rows)
            if np.array_equal(counts > 0, used):
                return counts
    return None


def _only_a_squares(e: Evidence, gradient: np.ndarray, now: Pair) -> bool:
    """Whether A's slot is a multiple of the gradient's square, as after a first step, B's not."""
    of_a, of_b = (common_factor([(gradient**2, side)], share=1e-4) for side in now)
    return of_a is not None and 0 < of_a < 1 and of_b is None
