"""Causes of differences in variables that no gradient trains: the averages of batch normalization.

A moving average with decay d of the batch's statistic s: m_t = d m_(t-1) + (1 - d) s_t. Where both
sides see the same statistic, it cancels, and two decays are left to solve for.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from shared.tools.compare.distances import relative_l2
from shared.tools.compare.evidence import SAME_FACTOR, Evidence, common_factor, least_squares

_SAME = 1e-3  # relative; decays come from differences of nearly equal numbers


def averages(e: Evidence) -> Iterator[str]:
    """Looks at how the variables without gradient move, if it is they that differ first."""
    names = [n for n in e.differing("variable") if _is_average(e, n)]
    if e.tensor not in names:
        return
    trained = e.trained()
    if trained and not e.agrees("gradient", trained):
        return
    yield from _frozen(e, names) or _decays(e, names) or _unbiased(e, names)


def _is_average(e: Evidence, name: str) -> bool:
    is_trained = name in e.names("gradient")
    pair = e.update(name)
    return not is_trained and e.is_float("variable", name) and pair is not None


def _frozen(e: Evidence, names: list[str]) -> list[str]:
    for side in (0, 1):
        pairs = [e.update(name) for name in names]
        still = all(p is not None and not p[side].any() and p[1 - side].any() for p in pairs)
        if still:
            word = "AB"[side]
            return [
                f"{', '.join(names)} never move in {word}: the averages are not updated there "
                "(TensorFlow 1 runs UPDATE_OPS only where asked; Keras needs training=True)"
            ]
    return []


def _decays(e: Evidence, names: list[str]) -> list[str]:
    ratio = common_factor([p for p in map(e.update, names) if p is not None], share=1e-3)
    if ratio is None or abs(ratio - 1) <= SAME_FACTOR:
        return []
    # A bias before the normalization may be noise, which moves the mean and not the variance.
    solved = (_solve(e, some) for some in (names, *([name] for name in names)))
    found = next((decays for decays in solved if decays is not None), None)
    if found is not None:
        return [
            f"the moving averages {', '.join(names)} have decay {found[0]:.4g} in A and "
            f"{found[1]:.4g} in B"
        ]
    return [
        f"the moving averages {', '.join(names)} take {ratio:.4g} times as much of a batch's "
        "statistics in B: another decay (Keras's momentum is the share that is kept)"
    ]


def _solve(e: Evidence, names: list[str]) -> tuple[float, float] | None:
    """Solves p dA - q dB = B' - A' for p = 1 / (1 - decay of A), q likewise; ' is before."""
    columns, right = [], []
    for step in e.steps[1:4]:
        for name in names:
            later = e.at("variable", name, step)
            updates, before = later.update(name), later.before("variable", name)
            if updates is not None and before is not None:
                columns.append(np.stack([updates[0].ravel(), -updates[1].ravel()], axis=1))
                right.append((before[1] - before[0]).ravel())
    if not columns:
        return None
    matrix, target = np.concatenate(columns), np.concatenate(right)
    found = least_squares(matrix, target)
    if found is None:
        return None
    p, q = found
    left = np.linalg.norm(matrix @ np.array([p, q]) - target)
    if left > _SAME * np.linalg.norm(target) or min(p, q) < 1:
        return None
    return 1 - 1 / p, 1 - 1 / q


def _unbiased(e: Evidence, names: list[str]) -> list[str]:
    """Looks for a variance over n - 1 in one: TensorFlow's fused kernel takes that average."""
    rows = e.batch_size()
    for name in names:
        updates, before = e.update(name), e.before("variable", name)
        if rows is None or rows < 2 or updates is None or before is None:
            continue
        for decay in (0.9, 0.99, 0.999, 0.997, 0.95, 0.9997):
            seen = [b + u / (1 - decay) for b, u in zip(before, updates, strict=True)]
            for side, word in ((0, "A"), (1, "B")):
                more, less = seen[side], seen[1 - side]
                if relative_l2(less * rows / (rows - 1), more) <= _SAME / rows:
                    return [
                        f"{name} averages the variance over n - 1 in {word} and over n in the "
                        f"other, with n = {rows}: TensorFlow's fused batch normalization does so"
                    ]
    return []


def after_averages(e: Evidence) -> Iterator[str]:
    """Places a difference of logits behind batch normalization, where its statistics agree."""
    names = [n for n in e.names("variable") if _looks_like_average(n) and _is_average(e, n)]
    if not names or e.step != e.in_a.first_step():
        return
    moves = all((p := e.update(n)) is not None and p[0].any() and p[1].any() for n in names)
    if moves and e.agrees("variable", names):
        yield (
            "the batch's statistics agree (moving averages of this step), so all that precedes "
            "batch normalization does: look at whether it normalizes by them or by the averages, "
            "at its epsilon, scale and offset, and at what follows it"
        )


def _looks_like_average(name: str) -> bool:
    return any(word in name for word in ("moving_mean", "moving_variance", "moving_var"))
