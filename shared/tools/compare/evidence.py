"""What two traces hold about the step of a difference, and fits of simple laws to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from shared.tools.compare.distances import EPSILON, relative_l2
from shared.tools.compare.rounding import Assumed, Tolerance
from shared.tools.compare.values import Readable, Values
from shared.trace_recorder import TensorInfo

# Relative. 1 - 0.999 computed in float32 is off by 1.3e-5, and float32 sums in another order stay
# within that; wrong factors do not.
ROUNDING = 3e-5
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


def least_squares(columns: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Returns the factors of the columns whose sum is nearest to y; None for infinite numbers."""
    if not (np.isfinite(columns).all() and np.isfinite(y).all()):
        return None
    return np.linalg.lstsq(columns, y, rcond=None)[0]


def common_law(
    xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], noises: Sequence[float]
) -> Fit | None:
    """Fits y = factor * x to several tensors at once.

    The law must explain each y but for twice its rounding: a share of y left over is a law that
    any numbers would fit to some degree. The factor must be beyond ten times its standard error:
    many elements show together what each alone hides.

    Args:
        xs: flat float64 arrays.
        ys: what to explain, of the same sizes.
        noises: for each, the norm of the rounding in y.

    Returns:
        The fit, or None where it explains one of the tensors not.
    """
    if not xs:
        return None
    x, y = np.concatenate(xs), np.concatenate(ys)
    law = fit(x, y)
    if x.size < 2 or not np.isfinite(law.left) or not y.any():
        return None
    noise = float(np.linalg.norm(noises))
    if law.left > 2 * noise + 1e-9 * float(np.linalg.norm(y)):
        return None
    for x_one, y_one, noise_one in zip(xs, ys, noises, strict=True):
        if np.linalg.norm(y_one - law.factor * x_one) > 2 * noise_one + 0.2 * noise:
            return None
    certain = abs(law.factor) * np.linalg.norm(x) >= 10 * law.left / np.sqrt(x.size)
    return law if certain else None


def common_factor(pairs: Iterable[Pair], share: float = ROUNDING) -> float | None:
    """Returns the factor by which every `b` is `a` but for a `share` of b; None where it is not."""
    flat = [(a.ravel(), b.ravel()) for a, b in pairs]
    if sum(a.size for a, _ in flat) < 2:
        return None
    a, b = (np.concatenate(side) for side in zip(*flat, strict=True))
    if not (a.any() and b.any() and np.isfinite(a).all() and np.isfinite(b).all()):
        return None
    # From the smaller side, so that noise of A times a small factor does not pass for B.
    factor = float(a @ b / (a @ a))
    for one_a, one_b in flat:
        if np.linalg.norm(one_b - factor * one_a) > share * np.linalg.norm(one_b):
            return None
    return factor


class Evidence:
    """Two traces at one step of one stage; arrays come as float64, or None when not kept."""

    def __init__(
        self,
        a: Readable,
        b: Readable,
        stage: str,
        tensor: str,
        step: int,
        tolerance: Tolerance | None = None,
    ) -> None:
        """Notes where to look; nothing is read yet."""
        self.stage, self.tensor, self.step = stage, tensor, step
        self.a, self.b = a, b
        self.in_a, self.in_b = Values(a), Values(b)
        self.tolerance = tolerance or Assumed(self.in_a)
        self._info = {(t.stage, t.name): t for t in a.tensors}

    def at(self, stage: str, tensor: str, step: int) -> Evidence:
        """Returns the evidence of the same traces at another place."""
        return Evidence(self.a, self.b, stage, tensor, step, self.tolerance)

    @property
    def steps(self) -> list[int]:
        """Steps that both traces have, from this one on."""
        return sorted(s for s in set(self.in_a.steps) & set(self.in_b.steps) if s >= self.step)

    def names(self, stage: str) -> list[str]:
        """Returns the tensors of a stage in both traces."""
        in_b = set(self.in_b.names(stage))
        return [name for name in self.in_a.names(stage) if name in in_b]

    def info(self, stage: str, name: str) -> TensorInfo:
        """Returns the form of a tensor."""
        return self._info[stage, name]

    def is_float(self, stage: str, name: str) -> bool:
        """Returns whether a tensor holds floating-point numbers."""
        return self.in_a.is_float(stage, name)

    def trained(self) -> list[str]:
        """Returns the variables with gradients in both, less those that are rounding error."""
        named = set(self.names("variable")) - set(self.tolerance.cancelled_gradients())
        return [n for n in self.names("gradient") if n in named]

    def whole(self, stage: str, name: str, step: int | None = None) -> Pair | None:
        """Returns the tensor in A and in B at a step (this one by default)."""
        step = self.step if step is None else step
        a, b = self.in_a.get(stage, name, step), self.in_b.get(stage, name, step)
        return (a, b) if a is not None and b is not None and a.shape == b.shape else None

    def before(self, stage: str, name: str) -> Pair | None:
        """Returns a slot or variable as the previous step left it, or as it was at the start."""
        pair = tuple(side.before(stage, name, self.step) for side in (self.in_a, self.in_b))
        return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])

    def update(self, name: str) -> Pair | None:
        """Returns the updates of a variable in A and in B."""
        a, b = self.in_a.update(name, self.step), self.in_b.update(name, self.step)
        return None if a is None or b is None or a.shape != b.shape else (a, b)

    def record(self, side: Readable, stage: str, name: str, step: int) -> np.void | None:
        """Returns what a step left of a tensor: step, size, norm, digest."""
        if (stage, name) not in {(t.stage, t.name) for t in side.tensors}:
            return None
        records = side.records(stage, name)
        found = records[records["step"] == step]
        return found[0] if found.size else None

    def norms(self, stage: str, name: str) -> tuple[float, float]:
        """Returns the L2 norms in A and in B; NaN where not recorded."""
        found = [side.norm(stage, name, self.step) for side in (self.in_a, self.in_b)]
        norms = [float("nan") if norm is None else norm for norm in found]
        return norms[0], norms[1]

    def differing(self, stage: str) -> list[str]:
        """Returns the tensors of a stage that do not agree at this step, though both have them.

        Agreement is up to rounding; but a variable moves so little in a step that its update
        must agree as well.
        """
        return [name for name in self.names(stage) if self._differs(stage, name)]

    def _differs(self, stage: str, name: str) -> bool:
        in_a, in_b = (self.record(side, stage, name, self.step) for side in (self.a, self.b))
        if in_a is None or in_b is None or (in_a["digest"] == in_b["digest"]).all():
            return False
        pair = self.whole(stage, name)
        if pair is None:
            norms = in_a["norm"], in_b["norm"]
            return stage == "variable" or bool(abs(norms[0] - norms[1]) > ROUNDING * abs(norms[0]))
        if stage == "variable":
            updates = self.update(name)
            return updates is None or (
                relative_l2(*updates) > self.tolerance.allowed("update", name, self.step)
            )
        return relative_l2(*pair) > max(ROUNDING, self.tolerance.allowed(stage, name, self.step))

    def agrees(self, stage: str, names: Iterable[str], step: int | None = None) -> bool:
        """Returns whether tensors of a stage are equal up to rounding, as far as kept whole."""
        step = self.step if step is None else step
        pairs = [self.whole(stage, name, step) for name in names]
        return all(p is None or relative_l2(*p) <= ROUNDING for p in pairs)

    def moves(self, side: Values, stage: str, name: str) -> bool:
        """Returns whether a tensor of one trace has other bits at any of its steps, or a start."""
        if (stage, name) not in {(t.stage, t.name) for t in side.trace.tensors}:
            return False
        digests = {record["digest"].tobytes() for record in side.trace.records(stage, name)}
        initial = ("initial", f"{stage}/{name}")
        if initial in {(t.stage, t.name) for t in side.trace.tensors}:
            digests |= {record["digest"].tobytes() for record in side.trace.records(*initial)}
        return len(digests) > 1

    def losses(self) -> Pair | None:
        """Returns the loss of this step, [1] each."""
        return self.whole("loss", "loss")

    def rounding(self, stage: str, name: str) -> float:
        """Returns the norm of the rounding errors of a stored tensor."""
        pair = self.whole(stage, name)
        if pair is None:
            return 0.0
        return EPSILON[self.info(stage, name).dtype] * float(np.linalg.norm(pair[0]))

    def factor(self, stage: str, names: Sequence[str]) -> float | None:
        """Returns the factor by which these tensors of B are those of A; by norms if need be."""
        wholes = [self.whole(stage, name) for name in names]
        if all(pair is not None for pair in wholes):
            return common_factor([pair for pair in wholes if pair is not None])
        norms = np.array([self.norms(stage, name) for name in names])
        # Any single norm is a factor of any other: it takes three that agree.
        if len(names) < 3 or not (np.isfinite(norms).all() and norms[:, 0].all()):
            return None
        return common_factor([(norms[:, 0], norms[:, 1])])

    def global_norm(self, side: Values, stage: str, step: int) -> float | None:
        """Returns the L2 norm over all tensors of a stage in one trace."""
        norms = [side.norm(stage, name, step) for name in self.names(stage)]
        if not norms or any(norm is None for norm in norms):
            return None
        return float(np.sqrt(sum(norm**2 for norm in norms if norm is not None)))

    def batch_size(self) -> int | None:
        """Returns the leading dimension of the batch, else of the logits."""
        for (stage, _), tensor in self._info.items():
            if stage in ("batch", "logits") and tensor.shape and tensor.shape[0] is not None:
                return tensor.shape[0]
        return None


def round_number(value: float) -> float | None:
    """Returns the number of two digits that lies within 1e-4 of a value, as people write them."""
    near = float(f"{value:.2g}")
    return near if near and abs(value / near - 1) <= 1e-4 else None
