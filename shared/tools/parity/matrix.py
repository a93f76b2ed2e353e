"""The matrix of parity: a row for each model and runtime, from the comparison of two traces."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from shared.models import Pair
from shared.tools.compare.distances import relative_l2
from shared.tools.compare.result import NOT_COMPARABLE, Comparison
from shared.tools.compare.tensor_checks import common_records
from shared.tools.compare.traces import compare
from shared.tools.parity.bounds import bound_of
from shared.tools.parity.other_processes import ELSEWHERE
from shared.trace_recorder import STAGES, Trace

REFERENCE = "compat.v1 Session"
# Keyed by the name of `--runtime`, in the order of the matrix.
RUNTIMES = {
    "session": "Session, second run",
    "function": "tf.function a step",
    "many-steps": "many steps a call",
    "eager": "eager",
    "keras": "Keras optimizer",  # in the rows of a model, which one: see `candidate_of`
    "xla": "XLA, dropout masks fed in",
    "tf115": "TensorFlow 1.15",
    "gpu": "GPU, TF32 off",
}
# Keras's Adam computes the powers of beta from its step count and has no variables for them.
IGNORED = ("*slot/*beta?_power",)


@dataclasses.dataclass(frozen=True)
class Row:
    """One model under one runtime; None is what a skipped row has not measured.

    `curve_difference` is ||b - a|| / ||a|| over the losses of all `steps`; it must not exceed
    `bound`, where 0 asks for equal bits of everything compared. `max_ulp` and `max_relative_l2`
    are the largest of the losses and of the tensors at the first and the last step.
    `compared` says at how many steps each stage was compared. `unrecorded_equal` says whether
    the same runs without a recording made the same losses and the same final state, bit for bit;
    it is measured where equal bits are asked for. `reason` explains the bound. `versions` are the
    candidate's.
    """

    model: str
    reference: str
    candidate: str
    steps: int | None = None
    bitwise: bool | None = None
    max_ulp: int | None = None
    max_relative_l2: float | None = None
    curve_difference: float | None = None
    first_difference: dict[str, Any] | None = None
    bound: float | None = None
    within_bound: bool | None = None
    unrecorded_equal: bool | None = None
    reason: str | None = None
    compared: dict[str, int] | None = None
    versions: dict[str, str] | None = None
    skipped: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the row was measured and found to differ by more than it may."""
        return self.skipped is None and (not self.within_bound or self.unrecorded_equal is False)

    def to_json(self) -> dict[str, Any]:
        """The row as plain data; infinity, which JSON lacks, becomes the text "inf"."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in dataclasses.asdict(self).items()
        }


def steps_of(pair: Pair, runtime: str, asked: int | None = None) -> int:
    """How many steps a model is trained under a runtime; `asked` in place of its default."""
    is_bounded = bound_of(runtime, pair).limit > 0
    fewer = pair.parity.bounded_steps if is_bounded else None
    fewer = pair.parity.eager_steps if runtime == "eager" else fewer
    steps = asked or pair.parity.steps
    return steps if asked or fewer is None else min(steps, fewer)


def candidate_of(runtime: str, pair: Pair) -> str:
    """What runs a model under a runtime, as people read it: Keras's optimizer by its own name."""
    if runtime == "keras":
        labels = [variant.label for variant in pair.variants if not variant.is_same_kernel]
        return labels[0] if labels else RUNTIMES[runtime]
    return RUNTIMES[runtime]


def why_skipped(runtime: str, pair: Pair) -> str | None:
    """Why a model is not measured under a runtime, or None."""
    if runtime == "keras" and all(variant.is_same_kernel for variant in pair.variants):
        return "no second optimizer in this model"
    return ELSEWHERE[runtime].why_not() if runtime in ELSEWHERE else None


def row(pair: Pair, runtime: str, a: Trace, b: Trace) -> Row:
    """Compares the trace of a candidate, `b`, with that of the reference."""
    ignored = IGNORED if runtime == "keras" else ()
    found = compare(a, b, ignore=ignored, common_steps_only=True, with_hints=False)
    common = min(len(a.steps), len(b.steps))
    curve = relative_l2(a.losses[:common], b.losses[:common])
    bound = bound_of(runtime, pair)
    return Row(
        pair.name,
        REFERENCE,
        candidate_of(runtime, pair),
        steps=found.steps,
        bitwise=found.bitwise,
        max_ulp=found.max_ulp,
        max_relative_l2=found.max_relative_l2,
        curve_difference=curve,
        first_difference=_first_difference(found),
        bound=bound.limit,
        within_bound=found.bitwise or (_is_same_experiment(found) and bound.allows(curve)),
        reason=bound.reason,
        compared=_compared(a, b),
        versions=b.meta["versions"],
    )


def _first_difference(found: Comparison) -> dict[str, Any] | None:
    first = found.first_difference or next(iter(found.reasons), None)
    if first is None:
        return None
    return {"step": first.step, "stage": first.stage, "tensor": first.tensor}


def _is_same_experiment(found: Comparison) -> bool:
    """Whether a bound applies: the same start and batches, the same tensors, no NaN in one."""
    first = found.first_difference
    return found.outcome != NOT_COMPARABLE and (first is None or first.stage != "initial")


def _compared(a: Trace, b: Trace) -> dict[str, int]:
    """At how many steps each stage was compared, but for the initial values."""
    steps = {"loss": min(len(a.steps), len(b.steps))}
    in_b = {(tensor.stage, tensor.name) for tensor in b.tensors}
    for stage, name, *_ in a.tensors:
        if stage != "initial" and (stage, name) in in_b:
            steps[stage] = len(common_records(a, b, stage, name)[0])
    return {stage: steps[stage] for stage in STAGES if stage in steps}
