"""What a comparison of two traces found, as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from shared.tools.compare.equality import Criterion
from shared.tools.compare.search import Difference

EQUAL = "equal"
EQUAL_WHERE_COMMON = "equal over the common steps"
DIFFERS = "differs"
NOT_COMPARABLE = "cannot be compared"
EXIT_CODES = {EQUAL: 0, EQUAL_WHERE_COMMON: 1, DIFFERS: 1, NOT_COMPARABLE: 2}


@dataclass(frozen=True)
class Elements:
    """Two whole tensors, or two losses, compared at one step.

    `index` is that of the worst element (worst by `Criterion.excess`), `values` are its two
    values, `ulp` their distance, None where one is infinite or NaN, or for integers. `max_ulp`
    is the greatest distance of all elements. `relative_l2` is ||b - a|| / ||a||.
    """

    step: int
    index: tuple[int, ...]
    values: tuple[str, str]
    ulp: int | None
    max_ulp: int | None
    relative_l2: float
    differing: int
    size: int


@dataclass(frozen=True)
class FirstDifference:
    """Where the two traces part: the first tensor, in causal order, that breaks the rule.

    `elements` is None where the tensor was not kept whole on both sides; then `record_steps`
    are the steps to keep (`--trace-steps`): this one, and before it the one that an update
    starts from. `also` names the other tensors of the same step and stage.
    """

    step: int
    stage: str
    tensor: str
    norms: tuple[float, float]
    elements: Elements | None
    also: tuple[str, ...] = ()
    record_steps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reason:
    """Why two traces cannot be compared.

    `code` is one of "no common steps", "tensors", "dtype", "shape", "batch", "nan".
    """

    code: str
    message: str
    step: int | None = None
    stage: str | None = None
    tensor: str | None = None


@dataclass(frozen=True)
class Growth:
    """How far the two runs are apart at each common step, [steps] each.

    `loss` is |b - a| / |a| of the losses. `norm` is the largest such number of the norms of any
    tensor, a lower bound of that tensor's relative L2; `norm_tensor` names the tensor. Both
    are exact zeros where nothing differs, NaN where nothing is known. `relative_l2` has the
    steps where tensors were kept whole: step -> (largest relative L2, tensor).
    """

    steps: np.ndarray
    losses: tuple[np.ndarray, np.ndarray]
    loss: np.ndarray
    norm: np.ndarray
    norm_tensor: Sequence[str]
    relative_l2: dict[int, tuple[float, str]]

    def rows(self, most: int, start: int | None = None) -> list[int]:
        """Choose at most `most` positions in `steps`, log-spaced from step `start` on."""
        begin = 0 if start is None else int(np.searchsorted(self.steps, start))
        count = len(self.steps) - begin
        if count <= most:
            return list(range(begin, len(self.steps)))
        offsets = np.geomspace(1, count, most).round().astype(int) - 1
        return sorted({begin + int(offset) for offset in offsets})


@dataclass(frozen=True)
class Comparison:
    """The answer to "is B the same as A?".

    `stages` were compared, but for tensors that match a pattern of `ignored`. `steps` counts the
    steps that both traces have, `tensors` the tensors compared (the loss is
    one) and `values` the pairs of tensors and steps. `norms_only` counts those of them whose
    bits differ and whose elements were not kept, so that a tolerance was checked on their
    norms alone: not a proof. `max_ulp` and `max_relative_l2` are the largest of all losses and
    all tensors kept whole, None where nothing finite is known.
    """

    outcome: str
    criterion: Criterion
    paths: tuple[str, str]
    stages: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    steps: int = 0
    step_range: tuple[int, int] | None = None
    recorded_steps: tuple[int, int] = (0, 0)
    tensors: int = 0
    values: int = 0
    norms_only: int = 0
    whole_steps: tuple[int, ...] = ()
    bitwise: bool = False
    max_ulp: int | None = None
    max_relative_l2: float | None = None
    max_relative_loss: float | None = None
    first_difference: FirstDifference | None = None
    beyond_rounding: Difference | None = None
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    growth: Growth | None = field(default=None, repr=False)

    @property
    def exit_code(self) -> int:
        """0 equal, 1 differs or of unequal length, 2 cannot be compared."""
        return EXIT_CODES[self.outcome]

    def to_json(self, most_rows: int = 200) -> dict[str, Any]:
        """Give it as plain data; growth in at most `most_rows` log-spaced rows.

        JSON has neither infinity nor NaN: they become the texts "inf", "-inf" and "nan".
        """
        data = {name: value for name, value in vars(self).items() if name != "growth"}
        data["criterion"] = asdict(self.criterion)
        data["first_difference"] = self.first_difference and asdict(self.first_difference)
        data["beyond_rounding"] = self.beyond_rounding and asdict(self.beyond_rounding)
        data["reasons"] = [asdict(reason) for reason in self.reasons]
        data["exit_code"] = self.exit_code
        data["growth"] = self._growth_rows(most_rows)
        return _plain(data)

    def _growth_rows(self, most: int) -> list[dict[str, Any]]:
        growth = self.growth
        if growth is None:
            return []
        rows = []
        for position in growth.rows(most):
            step = int(growth.steps[position])
            relative_l2, tensor = growth.relative_l2.get(step, (None, None))
            rows.append(
                {
                    "step": step,
                    "losses": [float(losses[position]) for losses in growth.losses],
                    "relative_loss": float(growth.loss[position]),
                    "relative_norm": float(growth.norm[position]),
                    "relative_norm_tensor": growth.norm_tensor[position],
                    "relative_l2": relative_l2,
                    "relative_l2_tensor": tensor,
                }
            )
        return rows


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
