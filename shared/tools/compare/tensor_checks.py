"""Check one tensor, or the loss, of two traces over the steps that both have it at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from shared.program.display import shown
from shared.tools.compare.distances import (
    UNRELATED,
    equal_bits,
    relative_distance,
    relative_l2,
    ulp_distance,
)
from shared.tools.compare.equality import Criterion
from shared.tools.compare.result import Elements
from shared.tools.compare.values import Readable
from shared.trace_recorder import TensorInfo, TraceFileError, as_float64, digest

# What can be said of one tensor at one step.
HOLDS, BREAKS, OTHER_BATCH, NAN_IN_ONE, OTHER_SHAPE = range(5)


@dataclass
class Check:
    """One tensor over the steps that both traces have it at; arrays are [steps]."""

    stage: str
    name: str
    steps: np.ndarray
    verdicts: np.ndarray
    equal: np.ndarray
    norms: tuple[np.ndarray, np.ndarray]
    whole: Sequence[int] = ()  # steps at which both kept it whole
    elements: dict[int, Elements] = field(default_factory=dict)  # of those, where bits differ
    norms_only: int = 0
    max_ulp: int = 0
    max_relative_l2: float = 0.0

    @property
    def relative_norms(self) -> np.ndarray:
        """| ||b|| - ||a|| | / ||a|| at each step: at most the relative L2 of the tensors."""
        return np.where(self.equal, 0.0, relative_distance(*self.norms))

    def first_event(self) -> tuple[int, int] | None:
        """Position and step of the first verdict that is not "holds"."""
        positions = np.flatnonzero(self.verdicts)
        return (int(positions[0]), int(self.steps[positions[0]])) if positions.size else None


def common_records(a: Readable, b: Readable, stage: str, name: str) -> tuple[np.ndarray, ...]:
    """Steps, and the records of either trace at them, [common steps] each."""
    in_a, in_b = a.records(stage, name), b.records(stage, name)
    steps, at_a, at_b = np.intersect1d(
        in_a["step"], in_b["step"], assume_unique=True, return_indices=True
    )
    return steps, in_a[at_a], in_b[at_b]


def check_tensor(a: Readable, b: Readable, tensor: TensorInfo, criterion: Criterion) -> Check:
    """Check digests and norms at each step, and elements where both kept the tensor whole."""
    stage, name = tensor.stage, tensor.name
    steps, in_a, in_b = common_records(a, b, stage, name)
    equal = (in_a["digest"] == in_b["digest"]).all(axis=1)
    norms = in_a["norm"], in_b["norm"]
    possible = criterion.norms_can_agree(*norms, in_a["size"], tensor.dtype)
    verdicts = np.where(equal | possible, HOLDS, BREAKS)
    if stage == "batch":
        verdicts = np.where(equal, HOLDS, OTHER_BATCH)
    verdicts[~equal & (np.isnan(norms[0]) != np.isnan(norms[1]))] = NAN_IN_ONE
    verdicts[in_a["size"] != in_b["size"]] = OTHER_SHAPE
    whole = sorted(set(a.whole_steps(stage, name)) & set(b.whole_steps(stage, name)))
    check = Check(stage, name, steps, verdicts, equal, norms, whole)
    checked = _check_elements(a, b, check, tensor.dtype, criterion)
    check.norms_only = int((~equal & (verdicts == HOLDS) & ~checked).sum())
    return check


def _check_elements(
    a: Readable, b: Readable, check: Check, dtype: str, criterion: Criterion
) -> np.ndarray:
    """Look at the whole tensors where digests differ; returns where that was, bool [steps]."""
    checked = np.zeros(len(check.steps), bool)
    for step in check.whole:
        position = int(np.searchsorted(check.steps, step))
        if check.equal[position]:
            _checked_whole(a, check.stage, check.name, step, dtype)
            _checked_whole(b, check.stage, check.name, step, dtype)
            continue
        whole_a = _checked_whole(a, check.stage, check.name, step, dtype)
        whole_b = _checked_whole(b, check.stage, check.name, step, dtype)
        if whole_a.shape != whole_b.shape:
            check.verdicts[position] = OTHER_SHAPE
            continue
        checked[position] = True
        excess = criterion.excess(whole_a, whole_b, dtype)
        if check.verdicts[position] in (HOLDS, BREAKS):  # elements know better than norms
            check.verdicts[position] = BREAKS if excess.any() else HOLDS
        elements = _elements(step, whole_a, whole_b, dtype, excess)
        check.elements[step] = elements
        check.max_ulp = max(check.max_ulp, _ulp_or_most(elements.max_ulp))
        check.max_relative_l2 = max(check.max_relative_l2, elements.relative_l2)
    return checked


def _checked_whole(trace: Readable, stage: str, name: str, step: int, dtype: str) -> np.ndarray:
    """Returns a whole tensor, once its dtype and its digest are those recorded.

    Raises:
        TraceFileError: they are not: the tensor was changed after it was recorded.
    """
    whole = trace.whole(stage, name, step)
    what = f"{trace.path}: {shown(stage)} {shown(name)}, whole at step {step},"
    stored = "uint16" if dtype == "bfloat16" else dtype
    if whole.dtype.name != stored:
        raise TraceFileError(f"{what} is {whole.dtype}, expected {stored}")
    records = trace.records(stage, name)
    recorded = records[records["step"] == step]
    if recorded.size and recorded[0]["digest"].tobytes() != digest(whole, dtype):
        raise TraceFileError(f"{what} has not the digest that was recorded: it was damaged")
    return whole


def _elements(step: int, a: np.ndarray, b: np.ndarray, dtype: str, excess: np.ndarray) -> Elements:
    # Under a tolerance that holds, nothing exceeds it: then the largest difference is worst.
    ranking = excess if excess.any() else Criterion().excess(a, b, dtype)
    index = np.unravel_index(int(np.argmax(ranking)), a.shape)
    distances = ulp_distance(a, b, dtype)
    wide_a, wide_b = as_float64(a, dtype), as_float64(b, dtype)
    values = (wide_a, wide_b) if dtype == "bfloat16" else (a, b)
    return Elements(
        step=step,
        index=tuple(int(i) for i in index),
        values=(str(values[0][index]), str(values[1][index])),
        ulp=ulp_or_none(distances[index]),
        max_ulp=ulp_or_none(distances.max()),
        relative_l2=relative_l2(wide_a, wide_b),
        differing=int((~equal_bits(a, b)).sum()),
        size=a.size,
    )


def ulp_or_none(distance: np.uint64) -> int | None:
    """Turn a distance of `ulp_distance` into an int, and `UNRELATED` into None."""
    return None if distance == UNRELATED else int(distance)


def _ulp_or_most(distance: int | None) -> int:
    return int(UNRELATED) if distance is None else distance


def check_loss(a: Readable, b: Readable, criterion: Criterion) -> Check:
    """Losses are kept in full at each step, so each is checked by value."""
    steps, at_a, at_b = np.intersect1d(a.steps, b.steps, assume_unique=True, return_indices=True)
    in_a, in_b, dtype = a.losses[at_a], b.losses[at_b], a.loss_dtype
    wide_a, wide_b = as_float64(in_a, dtype), as_float64(in_b, dtype)
    excess = criterion.excess(in_a, in_b, dtype)
    verdicts = np.where(excess > 0, BREAKS, HOLDS)
    verdicts[np.isnan(wide_a) != np.isnan(wide_b)] = NAN_IN_ONE
    check = Check("loss", "loss", steps, verdicts, equal_bits(in_a, in_b), (wide_a, wide_b))
    check.whole = steps.tolist()
    check.max_ulp = int(ulp_distance(in_a, in_b, dtype).max())
    check.max_relative_l2 = float(check.relative_norms.max())
    event = check.first_event()
    if event is not None:
        at = slice(event[0], event[0] + 1)
        elements = _elements(event[1], in_a[at], in_b[at], dtype, excess[at])
        check.elements[event[1]] = replace(elements, index=())
    return check
