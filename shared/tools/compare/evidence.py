"""What two traces hold about the step of their first difference, and fits of simple laws to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shared.tools.compare.distances import EPSILON, relative_l2
from shared.trace_recorder import FLOAT_DTYPES, TensorInfo, Trace, as_float64

# Relative. 1 - 0.999 computed in float32 is off by 1.3e-5, and float32 sums in another order stay
# within that; wrong factors do not.
ROUNDING = 3e-5
_UNEXPLAINED = 0.05  # the share of a difference that a law may leave
SAME_FACTOR = 1e-4  # relative; a factor found in float32 numbers is good to about 1e-6
Pair = tuple[np.ndarray, np.ndarray]


class Fit(NamedTuple):
    """The law y = factor * x for arrays x and y: the factor, and the norm of y - factor * x."""

    factor: float
    left: float


def fit(x: np.ndarray, y: np.ndarray) -> Fit:
    """Least squares through the origin."""
    with np.errstate(all="ignore"):
        factor = float(np.dot(x, y) / np.dot(x, x))
        return Fit(factor, float(np.linalg.norm(y - factor * x)))


def explains(law: Fit, x: np.ndarray, y: np.ndarray, noise: float) -> bool:
    """Whether the law is a telling account of `y`, and not one that any numbers would fit.

    It leaves at most a twentieth of `y`; of few numbers, of which one factor explains much by
    chance, a thousandth. Or it leaves no more than twice the rounding (`noise`, the norm of it)
    and its factor is beyond ten times its standard error: many elements show together what
    each alone hides.
    """
    whole = float(np.linalg.norm(y))
    if x.size < 2 or not np.isfinite(law.left) or whole == 0:
        return False
    if law.left <= whole * (_UNEXPLAINED if x.size >= 8 else 1e-3):
        return True
    standard_error = law.left / np.sqrt(x.size)
    return law.left <= 2 * noise and abs(law.factor) * np.linalg.norm(x) >= 10 * standard_error


def common_law(
    xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], noises: Sequence[float]
) -> Fit | None:
    """Fit y = factor * x to several tensors at once; None where that is no telling account.

    Args:
        xs: flat float64 arrays.
        ys: what to explain, of the same sizes.
        noises: for each, the norm of the rounding in y.
    """
    if not xs:
        return None
    x, y = np.concatenate(xs), np.concatenate(ys)
    law = fit(x, y)
    if not explains(law, x, y, float(np.linalg.norm(noises))):
        return None
    for x, y, noise in zip(xs, ys, noises, strict=True):  # a large tensor must not hide a small
        if np.linalg.norm(y - law.factor * x) > _UNEXPLAINED * np.linalg.norm(y) + 2 * noise:
            return None
    return law


def common_factor(pairs: Sequence[Pair], noises: Sequence[float]) -> float | None:
    """Find the factor by which every `b` is `a`, when that explains how they differ."""
    law = common_law([a for a, _ in pairs], [b - a for a, b in pairs], noises)
    return None if law is None else 1 + law.factor


class Evidence:
    """Two traces at one step of one stage; arrays come as float64, or None when not kept."""

    def __init__(self, a: Trace, b: Trace, stage: str, tensor: str, step: int) -> None:
        """Note where to look; nothing is read yet."""
        self.a, self.b = a, b
        self.stage, self.tensor, self.step = stage, tensor, step
        self._info = {(t.stage, t.name): t for t in a.tensors}
        self._in_b = {(t.stage, t.name) for t in b.tensors}

    def names(self, stage: str) -> list[str]:
        """Tensors of a stage in both traces."""
        return [name for s, name in self._info if s == stage and (s, name) in self._in_b]

    def info(self, stage: str, name: str) -> TensorInfo:
        """Form of a tensor."""
        return self._info[stage, name]

    def is_float(self, stage: str, name: str) -> bool:
        """Whether a tensor holds floating-point numbers."""
        return self.info(stage, name).dtype in FLOAT_DTYPES

    def whole(self, stage: str, name: str, step: int | None = None) -> Pair | None:
        """The tensor in A and in B at a step (this one by default)."""
        step = self.step if step is None else step
        key = (stage, name)
        if key not in self._info or key not in self._in_b:
            return None
        if step not in self.a.whole_steps(*key) or step not in self.b.whole_steps(*key):
            return None
        dtype = self.info(stage, name).dtype
        pair = tuple(
            as_float64(trace.whole(stage, name, step), dtype) for trace in (self.a, self.b)
        )
        return (pair[0], pair[1]) if pair[0].shape == pair[1].shape else None

    def before(self, stage: str, name: str) -> Pair | None:
        """A slot or variable as the previous step left it, or as it was at the start."""
        kept = self.whole(stage, name, self.step - 1)
        return kept or self.whole("initial", f"{stage}/{name}", self.step - 1)

    def record(self, side: Trace, stage: str, name: str, step: int) -> np.void | None:
        """What a step left of a tensor: step, size, norm, digest."""
        if (stage, name) not in {(t.stage, t.name) for t in side.tensors}:
            return None
        records = side.records(stage, name)
        found = records[records["step"] == step]
        return found[0] if found.size else None

    def norms(self, stage: str, name: str) -> tuple[float, float]:
        """L2 norms in A and in B; NaN where not recorded."""
        records = [self.record(side, stage, name, self.step) for side in (self.a, self.b)]
        norms = [float("nan") if record is None else float(record["norm"]) for record in records]
        return norms[0], norms[1]

    def differing(self, stage: str) -> list[str]:
        """Tensors of a stage that do not agree at this step, though both have them there.

        Agreement is up to rounding; but a variable moves so little in a step that only equal
        bits tell that two moves agree.
        """
        return [name for name in self.names(stage) if self._differs(stage, name)]

    def _differs(self, stage: str, name: str) -> bool:
        in_a, in_b = (self.record(side, stage, name, self.step) for side in (self.a, self.b))
        if in_a is None or in_b is None or (in_a["digest"] == in_b["digest"]).all():
            return False
        pair = self.whole(stage, name) if stage != "variable" else None
        return pair is None or relative_l2(*pair) > ROUNDING

    def losses(self) -> Pair | None:
        """The loss of this step, [1] each."""
        pair = []
        for trace in (self.a, self.b):
            found = trace.losses[trace.steps == self.step]
            pair.append(as_float64(found, trace.loss_dtype))
        return (pair[0], pair[1]) if pair[0].size and pair[1].size else None

    def rounding(self, stage: str, name: str) -> float:
        """The norm of the rounding errors of a stored tensor."""
        pair = self.whole(stage, name)
        if pair is None:
            return 0.0
        return EPSILON[self.info(stage, name).dtype] * float(np.linalg.norm(pair[0]))

    def factor(self, stage: str, names: Sequence[str]) -> float | None:
        """The factor by which all these tensors of B are those of A; by norms if need be."""
        wholes = [self.whole(stage, name) for name in names]
        if all(pair is not None for pair in wholes):
            pairs = [(pair[0].ravel(), pair[1].ravel()) for pair in wholes if pair is not None]
        else:
            norms = np.array([self.norms(stage, name) for name in names])
            pairs = [(norms[i : i + 1, 0], norms[i : i + 1, 1]) for i in range(len(names))]
        noises = [ROUNDING * float(np.linalg.norm(b)) for _, b in pairs]
        return common_factor(pairs, noises)

    def batch_size(self) -> int | None:
        """Leading dimension of the batch, else of the logits."""
        for (stage, _), tensor in self._info.items():
            if stage in ("batch", "logits") and tensor.shape and tensor.shape[0] is not None:
                return tensor.shape[0]
        return None
