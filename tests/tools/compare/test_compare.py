"""`compare` finds what differs, where it begins, and says no more than it checked."""

from __future__ import annotations

import argparse
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy

from shared.errors import TraceError, UsageError
from shared.tools.commands import compare as command
from shared.tools.compare.distances import UNRELATED, equal_bits, relative_l2, ulp_distance
from shared.tools.compare.equality import Criterion
from shared.tools.compare.result import Comparison
from shared.tools.compare.traces import compare
from shared.trace_recorder import STAGES, TraceRecorder, read_trace

F = np.float32
Change = Callable[[str, str, int, np.ndarray], np.ndarray | None]
STEPS = 10


def record(path: Path, change: Change | None = None, count: int = STEPS, **options: Any) -> Path:
    """Record ten steps of numbers that depend on the step; `change` alters or drops tensors."""

    def made(stage: str, names: list[str], step: int) -> dict[str, np.ndarray]:
        tensors = {}
        for name in names:
            rng = np.random.RandomState(hash_of(stage, name, step))
            array = rng.normal(size=(3, 4)).astype(F)
            changed = array if change is None else change(stage, name, step, array)
            if changed is not None:
                tensors[name] = changed
        return tensors

    with TraceRecorder(path, model="toy", **options) as recorder:
        recorder.record_initial(made("initial", ["weights"], 0), made("initial", ["weights/m"], 0))
        for step in range(1, count + 1):
            loss = np.asarray(F(1) / F(step))
            changed_loss = loss if change is None else change("loss", "loss", step, loss)
            recorder.record(
                step,
                changed_loss,
                batch=made("batch", ["images", "labels"], step),
                logits=made("logits", ["logits"], step).get("logits"),
                gradients=made("gradient", ["weights", "biases"], step),
                slots=made("slot", ["weights/m", "weights/v"], step),
                variables=made("variable", ["weights", "biases"], step),
            )
    return path


def hash_of(stage: str, name: str, step: int) -> int:
    return sum(map(ord, stage + name)) * 1000 + step


def compared(folder: Path, change: Change | None, **options: Any) -> Comparison:
    recorded = {key: options.pop(key) for key in ("every", "steps") if key in options}
    a = record(folder / "a.npz", **recorded)
    b = record(folder / "b.npz", change, **recorded)
    with read_trace(a) as trace_a, read_trace(b) as trace_b:
        return compare(trace_a, trace_b, **options)


def only(stage: str, name: str, step: int, new: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Change one tensor at one step."""
    here = (stage, name, step)
    return lambda *at: new(at[3].copy()) if at[:3] == here else at[3]


def put(value: Any, index: tuple[int, ...] = (1, 2)) -> Callable[[np.ndarray], np.ndarray]:
    def changed(array: np.ndarray) -> np.ndarray:
        array[index] = value
        return array

    return changed


# ---- ULP ------------------------------------------------------------------------------------


def test_every_float16_is_as_far_from_every_other_as_their_ranks() -> None:
    """All 63,487 finite numbers in order, 0 and -0 at one place, neighbours 1 apart."""
    bits = np.arange(2**16, dtype=np.uint16)
    numbers = bits.view(np.float16)
    finite = numbers[np.isfinite(numbers)]
    ordered = np.unique(finite)  # takes 0 and -0 for one
    assert len(ordered) == 2 * (31 * 1024 - 1) + 1
    ranks = np.arange(len(ordered)).astype(np.uint64)
    for start in (0, 12345, len(ordered) // 2, len(ordered) - 1):
        reference = np.full_like(ordered, ordered[start])
        expected = np.maximum(ranks, ranks[start]) - np.minimum(ranks, ranks[start])
        assert np.array_equal(ulp_distance(reference, ordered, "float16"), expected)
        assert np.array_equal(ulp_distance(ordered, reference, "float16"), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(data=st.data())
def test_steps_of_nextafter_are_counted(dtype: str, data: st.DataObject) -> None:
    kind = np.dtype(dtype).type
    finite = hypothesis_numpy.from_dtype(np.dtype(dtype), allow_nan=False, allow_infinity=False)
    start = kind(data.draw(finite))
    count = data.draw(st.integers(0, 20))
    end = start
    with np.errstate(over="ignore"):
        for _ in range(count):
            end = np.nextafter(end, kind(np.inf))
    if np.isfinite(end):
        assert ulp_distance(np.array(start), np.array(end), dtype) == count


def test_distances_across_zero_and_at_the_ends() -> None:
    def distance(a: float, b: float, dtype: str = "float32") -> int:
        kind = np.dtype(dtype).type
        return int(ulp_distance(np.array(kind(a)), np.array(kind(b)), dtype))

    assert distance(0.0, -0.0) == 0
    assert distance(2.0**-149, -(2.0**-149)) == 2  # the smallest subnormal numbers
    assert distance(1, 1 + 2.0**-23) == 1
    largest32, largest64 = float(np.finfo(F).max), float(np.finfo(float).max)
    assert distance(largest32, -largest32) == 2 * 0x7F7FFFFF
    assert distance(largest64, -largest64, "float64") == 2 * 0x7FEFFFFFFFFFFFFF
    assert distance(np.inf, np.inf) == 0
    unrelated = int(UNRELATED)
    assert distance(np.inf, largest32) == distance(np.inf, -np.inf) == unrelated
    assert distance(np.nan, 1) == unrelated and distance(np.nan, np.nan) == 0


def test_distances_of_bfloat16_and_integers() -> None:
    one, next_to_one = np.array([0x3F80], np.uint16), np.array([0x3F81], np.uint16)
    assert ulp_distance(one, next_to_one, "bfloat16").tolist() == [1]
    integers = np.array([3, 4]), np.array([3, 5])
    assert ulp_distance(*integers, "int64").tolist() == [0, int(UNRELATED)]


def test_nan_of_other_bits_is_not_the_same() -> None:
    nan = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(F)
    assert equal_bits(nan, nan).all()
    assert not equal_bits(nan, nan[::-1].copy()).any()
    assert ulp_distance(nan, nan[::-1].copy(), "float32").tolist() == [int(UNRELATED)] * 2


def test_relative_l2() -> None:
    a = np.array([3.0, 4.0])
    assert relative_l2(a, a) == 0
    assert relative_l2(a, np.array([3.0, 4.5])) == 0.1
    assert relative_l2(a * 0, a) == np.inf and relative_l2(a * 0, a * 0) == 0
    assert relative_l2(a, a * np.nan) == np.inf


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([-np.inf, 3.0, 4.0], [-np.inf, 3.0, 4.5], 0.1),
        ([np.inf, -np.inf, 0.0], [np.inf, -np.inf, 1.0], np.inf),
        ([np.inf, -np.inf], [np.inf, -np.inf], 0.0),
        ([np.inf, 1.0], [-np.inf, 1.0], np.inf),
        ([-np.inf, 1.0], [2.0, 1.0], np.inf),
        ([2.0, 1.0], [-np.inf, 1.0], np.inf),
        ([np.nan, 1.0], [np.nan, 1.0], np.inf),
        ([1e200], [2e200], 1.0),  # whose squares are infinite
        ([1.6e308], [-1.6e308], 2.0),  # whose difference is
        ([1e-200], [2e-200], 1.0),  # whose squares are 0
        ([5e-324], [1e-323], 1.0),  # the two smallest numbers
        ([1.0, 1e-200], [1.0, 2e-200], 1e-200),
        ([1e-200], [1e200], np.inf),  # 1e400
        ([], [], 0.0),
    ],
)
def test_relative_l2_of_infinities_and_of_the_largest_and_smallest(
    a: list[float], b: list[float], expected: float
) -> None:
    assert relative_l2(np.array(a), np.array(b)) == expected


# ---- what counts as equal -------------------------------------------------------------------


def breaks(criterion: Criterion, a: Any, b: Any, dtype: str = "float32") -> list[bool]:
    arrays = np.array(a, dtype), np.array(b, dtype)
    return (criterion.excess(*arrays, dtype) > 0).tolist()


def test_the_rules() -> None:
    nan, inf = np.nan, np.inf
    next_to_1 = 1 + 2.0**-23
    a = [1, 1, 0.0, nan, inf, nan, inf]
    b = [1, next_to_1, -0.0, nan, inf, 1, -inf]
    assert breaks(Criterion(), a, b) == [False, True, True, False, False, True, True]
    for rule in (Criterion.tolerance(rtol=2.0**-23), Criterion.ulp(1)):
        assert breaks(rule, a, b) == [False, False, False, False, False, True, True]
    for rule in (Criterion.tolerance(rtol=2.0**-24), Criterion.ulp(0)):
        assert breaks(rule, a, b) == [False, True, False, False, False, True, True]


def test_a_tolerance_is_relative_to_the_reference() -> None:
    rule = Criterion.tolerance(rtol=0.5, atol=1)
    assert breaks(rule, [2, 2, 3.5], [4, 4.25, 2], "float64") == [False, True, False]


@pytest.mark.parametrize("rule", [Criterion(), Criterion.tolerance(1, 9), Criterion.ulp(9)])
def test_integers_must_be_equal_under_each_rule(rule: Criterion) -> None:
    assert breaks(rule, [1, 2], [1, 3], "int64") == [False, True]
    assert breaks(rule, [True, False], [True, True], "bool") == [False, True]
    one, two = np.ones(1), np.full(1, 2.0)
    assert not rule.norms_can_agree(one, two, one, "int64")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Criterion.tolerance(rtol=-1),
        lambda: Criterion.tolerance(atol=np.nan),
        lambda: Criterion.tolerance(rtol=np.inf),
        lambda: Criterion.ulp(-1),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(make: Callable[[], Criterion]) -> None:
    with pytest.raises(UsageError, match=r"expected a .*0 or above, found"):
        make()


FINITE = st.floats(-1e6, 1e6, width=32)


@given(
    a=hypothesis_numpy.arrays(F, st.integers(1, 30), elements=FINITE),
    shares=hypothesis_numpy.arrays(F, 30, elements=st.floats(-1, 1, width=32)),
    rtol=st.floats(0, 0.5),
    atol=st.floats(0, 0.5),
)
def test_norms_never_refute_what_the_elements_satisfy(
    a: np.ndarray, shares: np.ndarray, rtol: float, atol: float
) -> None:
    """Else a tolerance would report differences that are none."""
    tolerance = Criterion.tolerance(rtol, atol)
    b = (a + shares[: a.size].astype(np.float64) * (atol + rtol * np.abs(a))).astype(F)
    steps = (shares[: a.size] * 3).astype(np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        c = (a.view(np.int32) + steps).view(F)  # up to 3 ULP in magnitude, where the sign stays
    for rule, other in ((tolerance, b), (Criterion.ulp(3), c)):
        if not breaks(rule, a, other) or True in breaks(rule, a, other):
            continue
        norm_a, norm_b = (
            np.linalg.norm(x.astype(np.float64), axis=0, keepdims=True) for x in (a, other)
        )
        assert rule.norms_can_agree(norm_a, norm_b, np.array([a.size]), "float32").all()


def test_norms_refute_what_is_too_far_away() -> None:
    size = np.array([100])
    norms = np.array([10.0]), np.array([10.2])
    assert not Criterion.tolerance(rtol=0.01).norms_can_agree(*norms, size, "float32")
    assert not Criterion.tolerance(atol=0.019).norms_can_agree(*norms, size, "float32")
    assert Criterion.tolerance(rtol=0.021).norms_can_agree(*norms, size, "float32")
    assert not Criterion.ulp(1000).norms_can_agree(*norms, size, "float32")


# ---- equal ----------------------------------------------------------------------------------


def test_the_same_run_is_equal(tmp_path: Path) -> None:
    result = compared(tmp_path, None)
    assert (result.outcome, result.exit_code, result.bitwise) == ("equal", 0, True)
    assert (result.steps, result.step_range) == (STEPS, (1, STEPS))
    # 2 initial ones; each step has 2 of the batch, logits, loss, 2 gradients, 2 slots, 2 variables.
    assert (result.tensors, result.values) == (12, 2 + 10 * STEPS)
    assert (result.max_ulp, result.max_relative_l2, result.norms_only) == (0, 0.0, 0)
    assert result.first_difference is None and result.reasons == () == result.notes


def test_nan_in_both_is_equal_when_its_bits_are(tmp_path: Path) -> None:
    change = only("gradient", "weights", 4, put(np.nan))
    a, b = record(tmp_path / "a.npz", change), record(tmp_path / "b.npz", change)
    with read_trace(a) as trace_a, read_trace(b) as trace_b:
        assert compare(trace_a, trace_b).outcome == "equal"
    other = np.array([0x7FC00001], np.uint32).view(F)[0]
    c = record(tmp_path / "c.npz", only("gradient", "weights", 4, put(other)))
    with read_trace(a) as trace_a, read_trace(c) as trace_c:
        assert compare(trace_a, trace_c).outcome == "differs"


# ---- the first difference -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("initial", "weights"),
        ("logits", "logits"),
        ("gradient", "biases"),
        ("slot", "weights/v"),
        ("variable", "biases"),
    ],
)
def test_a_single_changed_bit_is_found(stage: str, name: str, tmp_path: Path) -> None:
    def last_bit(array: np.ndarray) -> np.ndarray:
        array.view(np.uint32)[2, 3] ^= 1
        return array

    step = 0 if stage == "initial" else 7
    result = compared(tmp_path, only(stage, name, step, last_bit), every=1)
    first = result.first_difference
    assert result.exit_code == 1 and first is not None and first.elements is not None
    shown = f"variable/{name}" if stage == "initial" else name
    assert (first.step, first.stage, first.tensor, first.also) == (step, stage, shown, ())
    assert (first.elements.index, first.elements.ulp, first.elements.max_ulp) == ((2, 3), 1, 1)
    assert (first.elements.differing, first.elements.size) == (1, 12)


def test_a_loss_that_differs_is_shown_with_both_values(tmp_path: Path) -> None:
    change = only("loss", "loss", 5, lambda loss: np.nextafter(loss, F(1)))
    first = compared(tmp_path, change).first_difference
    assert first is not None and first.elements is not None
    assert (first.step, first.stage) == (5, "loss")
    assert first.elements.values == ("0.2", "0.20000002")
    assert (first.elements.ulp, first.elements.index) == (1, ())
    assert first.elements.relative_l2 == 2.0**-26 / float(F(0.2))  # an ULP of numbers below 1/4


def test_the_worst_element_and_how_far_apart_the_tensors_are(tmp_path: Path) -> None:
    def changed(array: np.ndarray) -> np.ndarray:
        array[0, 1] = -array[0, 1]
        array[2, 2] += F(100)
        return array

    result = compared(tmp_path, only("gradient", "weights", 1, changed))
    first = result.first_difference
    assert first is not None and first.elements is not None
    a = np.random.RandomState(hash_of("gradient", "weights", 1)).normal(size=(3, 4)).astype(F)
    b = changed(a.copy())
    assert first.elements.index == (2, 2)
    assert first.elements.values == (str(a[2, 2]), str(b[2, 2]))
    assert first.elements.relative_l2 == relative_l2(a.astype(float), b.astype(float))
    assert first.elements.max_ulp == result.max_ulp
    assert first.elements.max_ulp == ulp_distance(a, b, "float32").max()
    assert first.elements.differing == 2


def test_by_ulp_the_worst_element_is_the_farthest_in_ulp(tmp_path: Path) -> None:
    def changed(array: np.ndarray) -> np.ndarray:
        array[0, 1] = -1e-30
        array[2, 2] += F(100)
        return array

    rule = Criterion.ulp(3)
    result = compared(tmp_path, only("gradient", "weights", 1, changed), criterion=rule)
    first = result.first_difference
    assert first is not None and first.elements is not None
    assert first.elements.ulp == first.elements.max_ulp


def test_the_order_within_a_step_is_causal(tmp_path: Path) -> None:
    """Everything from a stage on differs at step 6: the stage is named, whatever the names."""
    for earliest in ("logits", "loss", "gradient", "slot", "variable"):
        later = STAGES[STAGES.index(earliest) :]

        def change(
            stage: str, name: str, step: int, array: np.ndarray, later: tuple[str, ...] = later
        ) -> np.ndarray:
            return array + F(1) if step >= 6 and stage in later else array

        first = compared(tmp_path, change).first_difference
        assert first is not None
        assert (first.step, first.stage) == (6, earliest)
        assert first.also == {
            "gradient": ("biases",),
            "slot": ("weights/v",),
            "variable": ("biases",),
        }.get(earliest, ())


def test_an_earlier_step_comes_before_an_earlier_stage(tmp_path: Path) -> None:
    def change(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        late = stage == "logits" and step == 5
        return array + F(1) if late or (stage == "variable" and step == 4) else array

    first = compared(tmp_path, change).first_difference
    assert first is not None and (first.step, first.stage) == (4, "variable")


def test_zero_of_another_sign_differs_in_bits_only(tmp_path: Path) -> None:
    a = record(tmp_path / "a.npz", only("logits", "logits", 1, put(F(0))))
    b = record(tmp_path / "b.npz", only("logits", "logits", 1, put(F(-0.0))))
    with read_trace(a) as trace_a, read_trace(b) as trace_b:
        first = compare(trace_a, trace_b).first_difference
        assert first is not None and first.elements is not None
        assert first.elements.values == ("0.0", "-0.0") and first.elements.ulp == 0
        assert compare(trace_a, trace_b, Criterion.ulp(0)).outcome == "equal"
        assert compare(trace_a, trace_b, Criterion.tolerance()).outcome == "equal"


def test_where_elements_were_not_kept_it_says_how_to_keep_them(tmp_path: Path) -> None:
    change = only("variable", "weights", 7, put(F(9)))
    first = compared(tmp_path, change).first_difference
    assert first is not None and first.elements is None
    assert first.record_steps == (6, 7)  # an update is the difference of two steps
    again = compared(tmp_path, change, steps=first.record_steps).first_difference
    assert again is not None and again.elements is not None
    assert again.elements.values[1] == "9.0"


# ---- what cannot be compared ----------------------------------------------------------------


def drop(stage: str, name: str | None = None) -> Change:
    return lambda *at: None if at[0] == stage and name in (None, at[1]) else at[3]


def everywhere(stage: str, name: str, new: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda *at: new(at[3]) if at[:2] == (stage, name) else at[3]


NOT_COMPARABLE: dict[str, tuple[Change, str, str]] = {
    "a tensor is missing": (
        drop("gradient", "biases"),
        "tensors",
        "gradient biases is in A only; --ignore leaves it out",
    ),
    "a whole stage is missing": (
        drop("slot"),
        "tensors",
        "A alone has any slot tensors; --stages leaves them out",
    ),
    "another dtype": (
        everywhere("variable", "weights", lambda array: array.astype(float)),
        "dtype",
        "variable weights is float32 in A and float64 in B",
    ),
    "another dtype of the loss": (
        everywhere("loss", "loss", lambda loss: loss.astype(float)),
        "dtype",
        "the loss is float32 in A and float64 in B",
    ),
    "another shape": (
        everywhere("variable", "weights", lambda array: array.reshape(2, 6)),
        "shape",
        "variable weights is [3, 4] in A and [2, 6] in B",
    ),
    "another shape at one step": (
        only("logits", "logits", 3, lambda array: array[:2]),
        "shape",
        "logits logits at step 3 has another shape in B than in A",
    ),
    "another batch": (
        only("batch", "labels", 3, put(F(9))),
        "batch",
        "the batches differ: batch labels at step 3",
    ),
    "NaN in a tensor kept whole": (
        only("gradient", "weights", STEPS, put(np.nan)),
        "nan",
        "gradient weights at step 10 holds NaN in B only, first seen at [1, 2]",
    ),
    "NaN in a tensor not kept": (
        only("gradient", "weights", 4, put(np.nan)),
        "nan",
        "gradient weights at step 4 holds NaN in B only",
    ),
    "NaN in a loss": (
        only("loss", "loss", 4, lambda loss: loss * F(np.nan)),
        "nan",
        "loss loss at step 4 holds NaN in B only",
    ),
}


@pytest.mark.parametrize("fault", NOT_COMPARABLE)
@pytest.mark.parametrize("criterion", [Criterion(), Criterion.tolerance(rtol=0.1)], ids=str)
def test_what_cannot_be_compared(fault: str, criterion: Criterion, tmp_path: Path) -> None:
    change, code, message = NOT_COMPARABLE[fault]
    result = compared(tmp_path, change, criterion=criterion)
    assert (result.outcome, result.exit_code) == ("cannot be compared", 2)
    assert [(reason.code, reason.message) for reason in result.reasons] == [(code, message)]
    assert result.first_difference is None


def test_a_difference_before_the_nan_comes_first(tmp_path: Path) -> None:
    def change(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        if stage == "gradient" and step >= 4:
            return array * F(2 if step == 4 else np.nan)
        return array

    result = compared(tmp_path, change)
    assert result.first_difference is not None and result.first_difference.step == 4


def test_no_common_steps(tmp_path: Path) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, F(0))
    with TraceRecorder(tmp_path / "b.npz") as recorder:
        recorder.record(2, F(0))
    TraceRecorder(tmp_path / "c.npz").close()
    for other, words in (("b", "B has 1 steps, 2 to 2"), ("c", "B has no steps")):
        with read_trace(tmp_path / "a.npz") as a, read_trace(tmp_path / f"{other}.npz") as b:
            (reason,) = compare(a, b).reasons
        assert reason.code == "no common steps" and words in reason.message


def test_a_tensor_without_a_common_step(tmp_path: Path) -> None:
    for name, kept in (("a", 1), ("b", 2)):
        with TraceRecorder(tmp_path / f"{name}.npz") as recorder:
            for step in (1, 2):
                recorder.record(step, F(0), variables={"x": F(0)} if step == kept else {})
    with read_trace(tmp_path / "a.npz") as a, read_trace(tmp_path / "b.npz") as b:
        (reason,) = compare(a, b).reasons
    assert reason.message == "variable x was recorded at no step that both have"


def test_stages_narrow_what_is_compared(tmp_path: Path) -> None:
    stages = ("loss", "variable")
    result = compared(tmp_path, drop("slot"), stages=stages)
    assert (result.outcome, result.stages, result.tensors) == ("equal", stages, 3)
    (reason,) = compared(tmp_path, drop("batch"), stages=("batch",)).reasons
    assert "A alone has any batch tensors" in reason.message


def test_tensors_of_one_side_can_be_ignored(tmp_path: Path) -> None:
    change = drop("gradient", "biases")
    result = compared(tmp_path, change, ignore=["gradient/b*"])
    assert (result.outcome, result.tensors, result.ignored) == ("equal", 11, ("gradient/b*",))
    assert compared(tmp_path, change, ignore=["gradient"]).exit_code == 2  # whole names only


# ---- traces of unequal length and density ---------------------------------------------------


def test_a_shorter_trace_is_not_equal_unless_that_is_accepted(tmp_path: Path) -> None:
    a = record(tmp_path / "a.npz")
    b = record(tmp_path / "b.npz", count=6)
    with read_trace(a) as trace_a, read_trace(b) as trace_b:
        strict = compare(trace_a, trace_b)
        accepted = compare(trace_a, trace_b, common_steps_only=True)
    assert (strict.outcome, strict.exit_code) == ("equal over the common steps", 1)
    assert (accepted.outcome, accepted.exit_code) == ("equal", 0)
    for result in (strict, accepted):
        assert result.steps == 6 and result.recorded_steps == (10, 6)
        (note,) = result.notes
        assert note == (
            "A has 10 steps, 1 to 10; B has 6 steps, 1 to 6: only the 6 that both have were "
            "compared"
        )


def test_initial_values_are_optional_and_their_absence_is_noted(tmp_path: Path) -> None:
    result = compared(tmp_path, drop("initial"))
    assert result.outcome == "equal"
    assert result.notes == ("initial values were not compared: they were not recorded in both",)


def test_tensors_recorded_now_and_then_are_compared_there(tmp_path: Path) -> None:
    def sparse(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray | None:
        return None if stage == "variable" and step % 5 else array

    result = compared(tmp_path, sparse)
    assert (result.outcome, result.steps) == ("equal", STEPS)
    assert result.notes == ("variable: 2 tensors were recorded in both at only 2 of the 10 steps",)

    def wrong(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray | None:
        return sparse(stage, name, step, array * F(3) if stage == "variable" else array)

    first = compared(tmp_path, wrong).first_difference
    assert first is not None and (first.stage, first.step) == ("variable", 5)


def test_a_last_batch_of_another_size_is_compared_too(tmp_path: Path) -> None:
    smaller = only("logits", "logits", STEPS, lambda array: array[:2])
    a = record(tmp_path / "a.npz", smaller)
    b = record(tmp_path / "b.npz", smaller)
    with read_trace(a) as trace_a, read_trace(b) as trace_b:
        assert compare(trace_a, trace_b).outcome == "equal"


# ---- tolerances claim no more than was checked ----------------------------------------------


def rotated(array: np.ndarray) -> np.ndarray:
    """Other elements of the same norm."""
    return array[::-1].copy()


def test_a_tolerance_sees_elements_where_they_were_kept(tmp_path: Path) -> None:
    change = only("gradient", "weights", 7, rotated)
    result = compared(tmp_path, change, steps=[7], criterion=Criterion.tolerance(rtol=1e-3))
    assert result.first_difference is not None and result.first_difference.step == 7
    assert result.norms_only == 0


def test_what_norms_cannot_tell_is_counted_not_claimed(tmp_path: Path) -> None:
    change = only("gradient", "weights", 7, rotated)
    result = compared(tmp_path, change, criterion=Criterion.tolerance(rtol=1e-3))
    assert (result.outcome, result.norms_only, result.bitwise) == ("equal", 1, False)
    assert compared(tmp_path, change).outcome == "differs"  # digests miss nothing


@pytest.mark.parametrize("rule", [Criterion.tolerance(rtol=1e-3), Criterion.ulp(100)], ids=str)
def test_norms_too_far_apart_refute(rule: Criterion, tmp_path: Path) -> None:
    change = only("gradient", "weights", 7, lambda array: array * F(1.1))
    first = compared(tmp_path, change, criterion=rule).first_difference
    assert first is not None and (first.step, first.elements) == (7, None)


def test_within_tolerance(tmp_path: Path) -> None:
    def nearly(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        return array * F(1 + 1e-5) if stage not in ("batch", "initial") else array

    loose = compared(tmp_path, nearly, every=1, criterion=Criterion.tolerance(rtol=1.1e-5))
    assert (loose.outcome, loose.bitwise, loose.norms_only) == ("equal", False, 0)
    # Each float32 product is rounded by up to 2**-24 of itself, in the factor and in the result.
    assert loose.max_relative_l2 == pytest.approx(1e-5, abs=2 * 2.0**-24)
    assert loose.max_relative_loss == pytest.approx(1e-5, abs=2 * 2.0**-24)
    assert loose.max_ulp is not None and 83 < loose.max_ulp < 170  # 1e-5 / 2**-24 and half of it
    tight = compared(tmp_path, nearly, every=1, criterion=Criterion.tolerance(rtol=0.9e-5))
    assert tight.first_difference is not None and tight.first_difference.stage == "logits"


# ---- growth ---------------------------------------------------------------------------------


def test_growth_follows_the_difference(tmp_path: Path) -> None:
    def growing(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        if stage == "loss":
            return array * F(1 + 2.0 ** (step - 20))
        return (
            array * F(1 + 2.0 ** (step - 15)) if (stage, name) == ("slot", "weights/v") else array
        )

    growth = compared(tmp_path, growing, every=5).growth
    assert growth is not None
    steps = np.arange(1, STEPS + 1)
    # The factors are exact in float32; its products are rounded by up to 2**-24.
    assert np.allclose(growth.loss, 2.0 ** (steps - 20), rtol=0, atol=2.0**-24)
    assert np.allclose(growth.norm, 2.0 ** (steps - 15), rtol=0, atol=2.0**-24)
    assert set(growth.norm_tensor) == {"slot weights/v"}
    assert sorted(growth.relative_l2) == [1, 5, 10]
    for step, (distance, tensor) in growth.relative_l2.items():
        assert tensor == "slot weights/v"
        assert distance == pytest.approx(2.0 ** (step - 15), abs=2.0**-24)


def test_rows_of_growth_are_few_and_spread_evenly_over_magnitudes(tmp_path: Path) -> None:
    for name, factor in (("a", 1.0), ("b", 2.0)):
        with TraceRecorder(tmp_path / f"{name}.npz") as recorder:
            for step in range(1, 1001):
                recorder.record(step, F(factor))
    with read_trace(tmp_path / "a.npz") as a, read_trace(tmp_path / "b.npz") as b:
        growth = compare(a, b).growth
    assert growth is not None
    rows = [int(growth.steps[row]) for row in growth.rows(12)]
    assert len(rows) <= 12 and rows[0] == 1 and rows[-1] == 1000
    gaps = np.diff(rows)
    assert (np.diff(gaps) >= 0).all()
    assert [int(growth.steps[row]) for row in growth.rows(12, 995)] == list(range(995, 1001))


# ---- as data --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [9.0, np.inf, np.nan])
def test_the_result_is_plain_json(value: float, tmp_path: Path) -> None:
    result = compared(tmp_path, only("gradient", "weights", 1, put(value)))
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert data["outcome"] == result.outcome and data["exit_code"] == result.exit_code
    assert [row["step"] for row in data["growth"]] == list(range(1, STEPS + 1))
    if value == 9.0:
        assert data["first_difference"]["tensor"] == "weights"
        assert data["first_difference"]["elements"]["values"][1] == "9.0"
    if value == np.inf:
        assert data["max_relative_l2"] == "inf" and data["max_ulp"] is None
    if np.isnan(value):
        assert data["reasons"][0]["code"] == "nan"


# ---- the command ----------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    main = argparse.ArgumentParser(prog="pairs")
    command.add_parser(main.add_subparsers())
    return main


def run(*arguments: object) -> int:
    parsed = parser().parse_args(["compare", *map(str, arguments)])
    code: int = parsed.execute(parsed)
    return code


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    record(Path("a.npz"))
    record(Path("same.npz"))
    record(Path("short.npz"), count=6)
    record(Path("differs.npz"), only("gradient", "weights", 1, put(F(9))))
    record(Path("later.npz"), only("variable", "weights", 7, put(F(9))))
    record(Path("rotated.npz"), only("gradient", "weights", 7, rotated))
    record(Path("batch.npz"), only("batch", "labels", 3, put(F(9))))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["same.npz"], 0, ["equal: bitwise equal", "10 steps (1 to 10), 12 tensors, 102 values"]),
        (["short.npz"], 1, ["equal over the common steps: bitwise equal", "note: A has 10 steps"]),
        (["short.npz", "--common-steps"], 0, ["equal: bitwise equal", "note: A has 10 steps"]),
        (
            ["differs.npz", "--bitwise"],
            1,
            ["differs: first at step 1, gradient weights", "worst element [1, 2]:", "9.0 in B"],
        ),
        (["later.npz"], 1, ["first at step 7, variable weights", "--trace-steps 6,7"]),
        (["differs.npz", "--max-ulp", "3"], 1, ["differs: first at step 1, gradient weights"]),
        (["differs.npz", "--rtol", "1e9"], 0, ["equal: within rtol 1e+09 and atol 0"]),
        (["differs.npz", "--atol", "100"], 0, ["equal: within rtol 0 and atol 100"]),
        (
            ["rotated.npz", "--rtol", "1e-3"],
            0,
            ["as far as elements were kept", "at 1 of the 102 values bits differ", "not prove"],
        ),
        (["batch.npz"], 2, ["cannot be compared", "the batches differ: batch labels at step 3"]),
        (
            ["batch.npz", "--stages", "loss,variable"],
            0,
            ["equal: bitwise equal", "only these, as asked: loss, variable"],
        ),
        (
            ["differs.npz", "--ignore", "gradient/w*", "--ignore", "batch/*"],
            0,
            ["equal: bitwise equal", "variable without gradient/w*, batch/*"],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_exit_codes_and_text(
    arguments: list[str],
    code: int,
    words: list[str],
    files: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("a.npz", *arguments) == code
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines()), text
    joined = re.sub(r"\s+", " ", text)
    assert [word for word in words if word not in joined] == [], text


def test_the_table_shows_growth_where_something_differs(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("a.npz", "differs.npz")
    assert "largest L2" in capsys.readouterr().out
    run("a.npz", "same.npz")
    assert "largest L2" not in capsys.readouterr().out


def test_json_to_a_file_and_to_the_terminal(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("a.npz", "differs.npz", "--json", "-") == 1
    printed = json.loads(capsys.readouterr().out)
    assert run("a.npz", "differs.npz", "--json", "out.json") == 1
    assert json.loads(Path("out.json").read_text()) == printed
    assert printed["first_difference"]["step"] == 1
    assert "differs: first at step 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "magic"), [("growth.png", b"\x89PNG"), ("growth.svg", b"<?xml"), ("g.pdf", b"%PDF")]
)
def test_the_plot_is_a_picture(name: str, magic: bytes, files: Path) -> None:
    assert run("a.npz", "differs.npz", "--plot", name) == 1
    assert Path(name).read_bytes().startswith(magic)


def test_nothing_is_drawn_where_nothing_differs(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("a.npz", "same.npz", "--plot", "growth.png") == 0
    assert "no difference to draw" in capsys.readouterr().err
    assert not Path("growth.png").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["none.npz"], TraceError, "cannot read the trace none.npz: No such file"),
        (["text.npz"], TraceError, "text.npz is not a whole trace: File is not a zip file"),
        (["same.npz", "--rtol", "-1"], UsageError, "--rtol: expected a finite number"),
        (["same.npz", "--rtol", "1", "--bitwise"], UsageError, "expected one rule, found more"),
        (["same.npz", "--max-ulp", "1", "--atol", "1"], UsageError, "expected one rule"),
        (["same.npz", "--stages", "loss,x"], UsageError, "--stages: expected some of .* 'x'"),
        (["same.npz", "--plot", "x.txt"], UsageError, "--plot x.txt: expected a name that ends"),
        (["differs.npz", "--plot", "no/x.png"], UsageError, "--plot no/x.png: .*found no folder"),
        (["same.npz", "--json", "no/x.json"], UsageError, "--json no/x.json: .*found no folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_used_is_named_in_a_line(
    arguments: list[str], error: type[Exception], message: str, files: Path
) -> None:
    Path("text.npz").write_text("not a trace")
    before = sorted(path.name for path in files.iterdir())
    with pytest.raises(error, match=message) as raised:
        run("a.npz", *arguments)
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in files.iterdir()) == before


def test_help_names_every_stage_and_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parser().parse_args(["compare", "--help"])
    text = capsys.readouterr().out
    assert ",".join(STAGES) in text
    assert max(map(len, text.splitlines())) <= 80
