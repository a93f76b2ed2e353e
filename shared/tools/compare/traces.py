"""Compare two traces: equal, or the first step, stage and tensor that differ, or not comparable.

Within a step the order is causal: initial values, batch, logits, loss, gradients, slots,
variables. The first tensor in that order that breaks the rule is where to look for the cause;
what follows is its consequence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import numpy as np

from shared.program.display import shown
from shared.tools.compare.diagnosis import suggest
from shared.tools.compare.distances import relative_distance
from shared.tools.compare.equality import Criterion
from shared.tools.compare.result import (
    DIFFERS,
    EQUAL,
    EQUAL_WHERE_COMMON,
    NOT_COMPARABLE,
    Comparison,
    FirstDifference,
    Growth,
    Reason,
)
from shared.tools.compare.rounding import Assumed
from shared.tools.compare.search import Difference, search
from shared.tools.compare.tensor_checks import (
    BREAKS,
    NAN_IN_ONE,
    OTHER_BATCH,
    Check,
    check_loss,
    check_tensor,
    common_records,
    ulp_or_none,
)
from shared.tools.compare.values import Readable, Values
from shared.trace_recorder import FLOAT_DTYPES, STAGES, TensorInfo, TraceFileError, as_float64


def compare(
    a: Readable,
    b: Readable,
    criterion: Criterion | None = None,
    stages: Sequence[str] = STAGES,
    ignore: Sequence[str] = (),
    common_steps_only: bool = False,
    with_hints: bool = True,
) -> Comparison:
    """Compare two traces; `a` is the reference.

    Batches must be bitwise equal under every criterion: other data is no comparison. Where a
    tolerance is asked for and elements were not kept, norms are checked, which can refute but
    not prove; `Comparison.norms_only` says how often.

    Args:
        a: the reference.
        b: the candidate.
        criterion: what counts as equal; bitwise when None.
        stages: compare only these, of `STAGES`.
        ignore: leave out tensors whose "STAGE/NAME" matches one of these shell patterns, such as
            "*slot/beta?_power", which Keras's Adam does not have.
        common_steps_only: call traces equal that are equal over the steps that both have,
            though one of them has more.
        with_hints: look for the usual suspects too, which takes longer than all the rest.

    Returns:
        The comparison.

    Raises:
        TraceFileError: a trace cannot be read on.
    """
    base = Comparison(
        outcome=NOT_COMPARABLE,
        criterion=criterion or Criterion(),
        paths=(a.path, b.path),
        stages=tuple(stage for stage in STAGES if stage in stages),
        ignored=tuple(ignore),
        recorded_steps=(len(a.steps), len(b.steps)),
    )
    for trace in (a, b):
        if trace.loss_dtype and trace.loss_dtype not in FLOAT_DTYPES:
            found = shown(trace.loss_dtype)
            raise TraceFileError(f"{trace.path}: the loss is {found}, expected floating-point")
    obstacles = tuple(_obstacles(a, b, base))
    if obstacles:
        result = replace(base, reasons=obstacles)
    else:
        result = _compare_numbers(a, b, base, common_steps_only)
    if result.first_difference is not None and with_hints:
        result = replace(result, beyond_rounding=_beyond_rounding(a, b, result.first_difference))
    return replace(result, hints=tuple(suggest(a, b, result))) if with_hints else result


def _beyond_rounding(a: Readable, b: Readable, first: FirstDifference) -> Difference | None:
    """Looks on from the first difference to the first that rounding does not explain."""
    values = Values(a), Values(b)
    found = search(*values, Assumed(values[0])).first
    return found if found is None or found.step >= first.step else None


# ---- what prevents a comparison altogether --------------------------------------------------


def _obstacles(a: Readable, b: Readable, base: Comparison) -> Iterator[Reason]:
    if not np.intersect1d(a.steps, b.steps).size:
        yield Reason(
            "no common steps", f"A has {_describe_steps(a.steps)}, B has {_describe_steps(b.steps)}"
        )
    elif "loss" in base.stages and a.loss_dtype != b.loss_dtype:
        message = f"the loss is {a.loss_dtype} in A and {b.loss_dtype} in B"
        yield Reason("dtype", message, None, "loss", "loss")
    for stage in base.stages:
        yield from _stage_obstacles(a, b, stage, base.ignored)


def _describe_steps(steps: np.ndarray) -> str:
    return f"{len(steps)} steps, {steps[0]} to {steps[-1]}" if len(steps) else "no steps"


def _stage_obstacles(
    a: Readable, b: Readable, stage: str, ignored: Sequence[str]
) -> Iterator[Reason]:
    in_a, in_b = _tensors(a, stage, ignored), _tensors(b, stage, ignored)
    if stage == "initial" and not (in_a and in_b):
        return  # initial values are optional; the notes say so
    for only, side, other in ((in_a, "A", in_b), (in_b, "B", in_a)):
        if only and not other:
            message = f"{side} alone has any {stage} tensors; --stages leaves them out"
            yield Reason("tensors", message, None, stage)
            return
        for name in only:
            if name not in other:
                message = f"{stage} {name} is in {side} only; --ignore leaves it out"
                yield Reason("tensors", message, None, stage, name)
    for name in in_a:
        if name in in_b:
            yield from _tensor_obstacles(a, b, in_a[name], in_b[name])


def _tensors(trace: Readable, stage: str, ignored: Sequence[str]) -> dict[str, TensorInfo]:
    return {
        tensor.name: tensor
        for tensor in trace.tensors
        if tensor.stage == stage
        and not any(fnmatchcase(f"{stage}/{tensor.name}", pattern) for pattern in ignored)
    }


def _tensor_obstacles(
    a: Readable, b: Readable, in_a: TensorInfo, in_b: TensorInfo
) -> Iterator[Reason]:
    stage, name = in_a.stage, in_a.name
    if in_a.dtype != in_b.dtype:
        message = f"{stage} {name} is {in_a.dtype} in A and {in_b.dtype} in B"
        yield Reason("dtype", message, None, stage, name)
    elif not _shapes_fit(in_a.shape, in_b.shape):
        message = f"{stage} {name} is {list(in_a.shape)} in A and {list(in_b.shape)} in B"
        yield Reason("shape", message, None, stage, name)
    elif stage != "initial" and not common_records(a, b, stage, name)[0].size:
        message = f"{stage} {name} was recorded at no step that both have"
        yield Reason("no common steps", message, None, stage, name)


def _shapes_fit(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> bool:
    return len(a) == len(b) and all(i == j or None in (i, j) for i, j in zip(a, b, strict=True))


# ---- numbers --------------------------------------------------------------------------------


def _compare_numbers(
    a: Readable, b: Readable, base: Comparison, common_steps_only: bool
) -> Comparison:
    checks = []
    for stage in base.stages:
        if stage == "loss":
            checks.append(check_loss(a, b, base.criterion))
            continue
        in_b = _tensors(b, stage, base.ignored)
        shared_tensors = [t for t in _tensors(a, stage, base.ignored).values() if t.name in in_b]
        checks += [check_tensor(a, b, tensor, base.criterion) for tensor in shared_tensors]
    checks = [check for check in checks if check.steps.size]
    if not checks:
        nothing = Reason("tensors", f"neither has anything of {', '.join(base.stages)}")
        return replace(base, reasons=(nothing,))
    steps = np.intersect1d(a.steps, b.steps)
    outcome, first, reasons = _outcome(a, b, checks, base.criterion, common_steps_only)
    return replace(
        base,
        outcome=outcome,
        first_difference=first,
        reasons=reasons,
        steps=len(steps),
        step_range=(int(steps[0]), int(steps[-1])),
        tensors=len(checks),
        values=sum(len(check.steps) for check in checks),
        norms_only=sum(check.norms_only for check in checks),
        whole_steps=_whole_steps(checks),
        bitwise=all(check.equal.all() for check in checks),
        notes=tuple(_notes(a, b, checks, base.stages)),
        growth=_growth(a, b, steps, checks),
        max_ulp=ulp_or_none(np.uint64(max(check.max_ulp for check in checks))),
        max_relative_l2=max(check.max_relative_l2 for check in checks),
        max_relative_loss=next((c.max_relative_l2 for c in checks if c.stage == "loss"), None),
    )


def _whole_steps(checks: Sequence[Check]) -> tuple[int, ...]:
    of_tensors = [check.whole for check in checks if check.stage not in ("initial", "loss")]
    return tuple(sorted({step for steps in of_tensors for step in steps}))


# ---- the answer -----------------------------------------------------------------------------


def _outcome(
    a: Readable, b: Readable, checks: Sequence[Check], criterion: Criterion, common_steps_only: bool
) -> tuple[str, FirstDifference | None, tuple[Reason, ...]]:
    events = [(check.first_event(), order) for order, check in enumerate(checks)]
    found = [(event[1], order, event[0]) for event, order in events if event is not None]
    if not found:
        same_steps = np.array_equal(a.steps, b.steps)
        return EQUAL if same_steps or common_steps_only else EQUAL_WHERE_COMMON, None, ()
    step, order, position = min(found)
    check = checks[order]
    if check.verdicts[position] != BREAKS:
        return NOT_COMPARABLE, None, (_reason(check, position, step),)
    also = [
        c.name
        for event, c in ((c.first_event(), c) for c in checks[order + 1 :])
        if event is not None and event[1] == step and c.stage == check.stage
    ]
    elements = check.elements.get(step)
    first = FirstDifference(
        step=step,
        stage=check.stage,
        tensor=check.name,
        norms=(float(check.norms[0][position]), float(check.norms[1][position])),
        elements=elements,
        also=tuple(also),
        record_steps=() if elements else _steps_to_record(step, check.stage),
    )
    return DIFFERS, first, ()


def _steps_to_record(step: int, stage: str) -> tuple[int, ...]:
    is_update = stage in ("slot", "variable") and step > 1
    return (step - 1, step) if is_update else (step,)


def _reason(check: Check, position: int, step: int) -> Reason:
    where = f"{check.stage} {check.name} at step {step}"
    verdict = int(check.verdicts[position])
    elements = check.elements.get(step)
    if verdict == OTHER_BATCH:
        code, message = "batch", f"the batches differ: {where}"
    elif verdict == NAN_IN_ONE:
        side = "A" if np.isnan(check.norms[0][position]) else "B"
        place = f", first seen at {list(elements.index)}" if elements and elements.index else ""
        code, message = "nan", f"{where} holds NaN in {side} only{place}"
    else:
        code, message = "shape", f"{where} has another shape in B than in A"
    return Reason(code, message, step, check.stage, check.name)


def _notes(
    a: Readable, b: Readable, checks: Sequence[Check], stages: Sequence[str]
) -> Iterator[str]:
    models = a.meta.get("model"), b.meta.get("model")
    if models[0] != models[1]:
        yield f"A is a trace of model {models[0]!r}, B of {models[1]!r}"
    common = np.intersect1d(a.steps, b.steps)
    if not np.array_equal(a.steps, b.steps):
        yield (
            f"A has {_describe_steps(a.steps)}; B has {_describe_steps(b.steps)}: "
            f"only the {len(common)} that both have were compared"
        )
    if "initial" in stages and not any(check.stage == "initial" for check in checks):
        yield "initial values were not compared: they were not recorded in both"
    sparse = [
        check for check in checks if check.stage != "initial" and len(check.steps) < len(common)
    ]
    for stage in stages:
        counts = [len(check.steps) for check in sparse if check.stage == stage]
        if counts:
            yield (
                f"{stage}: {len(counts)} tensors were recorded in both at only "
                f"{min(counts)} of the {len(common)} steps"
            )


def _growth(a: Readable, b: Readable, steps: np.ndarray, checks: Sequence[Check]) -> Growth:
    wide_a = as_float64(a.losses[np.isin(a.steps, steps)], a.loss_dtype)
    wide_b = as_float64(b.losses[np.isin(b.steps, steps)], b.loss_dtype)
    worst, of_tensor = np.zeros(len(steps)), np.zeros(len(steps), int)
    checks = [check for check in checks if check.stage not in ("initial", "loss")]
    names = [f"{check.stage} {check.name}" for check in checks]
    whole: dict[int, tuple[float, str]] = {}
    for order, check in enumerate(checks):
        at = np.searchsorted(steps, check.steps)
        larger = check.relative_norms > worst[at]
        worst[at[larger]], of_tensor[at[larger]] = check.relative_norms[larger], order
        for step in check.whole:
            if step in check.elements or check.equal[np.searchsorted(check.steps, step)]:
                elements = check.elements.get(step)
                found = (elements.relative_l2 if elements else 0.0, names[order])
                whole[step] = max(whole.get(step, found), found)
    of_tensor_names = [
        names[order] if norm > 0 else "" for order, norm in zip(of_tensor, worst, strict=True)
    ]
    loss = relative_distance(wide_a, wide_b)
    return Growth(steps, (wide_a, wide_b), loss, worst, of_tensor_names, whole)
