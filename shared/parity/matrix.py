"""The matrix of parity: a row for each model and runtime, measured by comparing traces."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from shared.compare import compare
from shared.comparison import NOT_COMPARABLE, Comparison
from shared.models import Pair
from shared.parity.bounds import bound_of
from shared.parity.recording import batches_of, record
from shared.tensor_checks import common_records
from shared.trace import STAGES, Trace, read_trace
from shared.verdict import curve_difference

REFERENCE = "compat.v1 Session"
# Keyed by the name of `--runtime`, in the order of the matrix.
RUNTIMES = {
    "session": "Session again",
    "function": "tf.function a step",
    "many-steps": "many steps a call",
    "eager": "eager",
    "keras": "Keras Adam",
    "xla": "XLA, masks fed",
    "tf115": "TensorFlow 1.15",
    "gpu": "GPU, TF32 off",
}
DEFAULT_STEPS = {
    "linear_regression": 10,
    "relu_regression": 10_000,
    "softmax_regression": 1_000,
    "mlp": 200,
    "cnn": 100,
}
# Eager steps take up to ten times as long; a difference shows within these.
EAGER_STEPS = {"relu_regression": 500, "softmax_regression": 200, "cnn": 20}
# Keras's Adam computes the powers of beta from its step count and has no variables for them.
IGNORED = ("*slot/beta?_power",)


@dataclasses.dataclass(frozen=True)
class Row:
    """One model under one runtime; None is what a skipped row has not measured.

    `curve_difference` is ||b - a|| / ||a|| over the losses of all `steps`; it must not exceed
    `bound`, where 0 asks for equal bits of everything compared. `max_ulp` and `max_relative_l2`
    are the largest of the losses and of the tensors at the first and the last step.
    `compared` says at how many steps each stage was compared. `reason` explains the bound.
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
    reason: str | None = None
    compared: dict[str, int] | None = None
    skipped: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the row was measured and found to differ by more than it may."""
        return self.skipped is None and not self.within_bound

    def to_json(self) -> dict[str, Any]:
        """The row as plain data; infinity, which JSON lacks, becomes the text "inf"."""
        return {
            name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in dataclasses.asdict(self).items()
        }


def rows_of(pair: Pair, runtimes: Sequence[str], steps: int | None, folder: Path) -> Iterator[Row]:
    """Measures one model; yields a row for each runtime.

    Args:
        pair: the model.
        runtimes: keys of `RUNTIMES`.
        steps: how many to train; None for the model's entry in `DEFAULT_STEPS`.
        folder: where traces are written and removed again; the CNN's take 150 MB each.

    Raises:
        SuiteError: a process of TensorFlow 1.15 or of the GPU failed.
        TraceFileError: a trace cannot be written.
    """
    steps = steps or DEFAULT_STEPS[pair.name]
    reference, candidate = folder / "reference.npz", folder / "candidate.npz"
    _record_here("session", pair, steps, reference)
    for runtime in runtimes:
        skipped = _why_not(runtime, pair)
        if skipped:
            yield Row(pair.name, REFERENCE, RUNTIMES[runtime], skipped=skipped)
            continue
        limit = EAGER_STEPS.get(pair.name, steps) if runtime == "eager" else steps
        _record(runtime, pair, min(steps, limit), candidate)
        with read_trace(reference) as a, read_trace(candidate) as b:
            yield row(pair, runtime, a, b)
        candidate.unlink()
    reference.unlink()


def _why_not(runtime: str, pair: Pair) -> str | None:
    from shared.parity.other_processes import why_no_gpu, why_no_tf115

    if runtime == "keras" and all(variant.is_same_kernel for variant in pair.variants):
        return "no Adam: tf.function a step has its optimizer"
    return {"tf115": why_no_tf115, "gpu": why_no_gpu}.get(runtime, lambda: None)()


def _record(runtime: str, pair: Pair, steps: int, path: Path) -> None:
    from shared.parity.other_processes import record_on_gpu, record_under_tf115

    elsewhere = {"tf115": record_under_tf115, "gpu": record_on_gpu}.get(runtime)
    if elsewhere:
        elsewhere(pair.name, steps, str(path))
    else:
        _record_here(runtime, pair, steps, path)


def _record_here(runtime: str, pair: Pair, steps: int, path: Path) -> None:
    from shared.parity import runtimes

    make: Callable[[Pair], Any] = getattr(runtimes, runtime.replace("-", "_"))
    config, execution = make(pair)
    record(execution, batches_of(pair, config), steps, str(path), pair.name, runtime)


def row(pair: Pair, runtime: str, a: Trace, b: Trace) -> Row:
    """Compares the trace of a candidate, `b`, with that of the reference."""
    ignored = IGNORED if runtime == "keras" else ()
    found = compare(a, b, ignore=ignored, common_steps_only=True)
    common = min(len(a.steps), len(b.steps))
    curve = curve_difference(a.losses[:common], b.losses[:common])
    bound = bound_of(runtime, pair)
    return Row(
        pair.name,
        REFERENCE,
        RUNTIMES[runtime],
        steps=found.steps,
        bitwise=found.bitwise,
        max_ulp=found.max_ulp,
        max_relative_l2=found.max_relative_l2,
        curve_difference=curve,
        first_difference=_first_difference(found),
        bound=bound.limit,
        within_bound=found.bitwise or (_is_same_experiment(found) and curve <= bound.limit),
        reason=bound.reason,
        compared=_compared(a, b),
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
