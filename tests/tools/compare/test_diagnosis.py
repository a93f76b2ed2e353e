"""Each usual suspect is named for the run that makes its mistake, and for no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.tools.compare.equality import Criterion
from shared.tools.compare.result import Comparison
from shared.tools.compare.traces import compare
from shared.trace_recorder import Trace, TraceRecorder, read_trace
from small_training import Run

F = np.float32


def compared(folder: Path, a: Run, b: Run, **options: object) -> Comparison:
    with recorded(folder / "a.npz", a) as trace_a, recorded(folder / "b.npz", b) as trace_b:
        return compare(trace_a, trace_b, **options)  # type: ignore[arg-type]


def recorded(path: Path, run: Run) -> Trace:
    """Returns the trace of a run, opened; that of the reference is recorded once."""
    if run is not REFERENCE:
        return run.record(path)
    if not _of_reference:
        run.record(path).close()
        _of_reference.append(path.read_bytes())
    path.write_bytes(_of_reference[0])
    return read_trace(path)


_of_reference: list[bytes] = []


def first_of(comparison: Comparison) -> tuple[str, str, int]:
    first = comparison.first_difference
    assert first is not None, comparison
    return first.stage, first.tensor, first.step


REFERENCE = Run()
MISTAKES = {
    "sum instead of mean": (
        REFERENCE.but(sum_loss=True),
        ("loss", "loss", 1),
        "B's loss is 20 times A's: sum in B against mean in A, over a batch of 20",
    ),
    "the whole square instead of half": (
        REFERENCE.but(loss_factor=2.0),
        ("loss", "loss", 1),
        "B's loss is 2 times A's: a factor such as half of the squares against all",
    ),
    "a loss weight": (
        REFERENCE.but(loss_factor=3.7),
        ("loss", "loss", 1),
        "B's loss and gradients are 3.7 times A's: a constant factor in the loss",
    ),
    "an un-reduced loss, summed by the gradient only": (
        REFERENCE.but(gradient_factor=20.0),
        ("gradient", "w1", 1),
        "B's gradients are 20 times A's: sum in B against mean in A, over a batch of 20",
    ),
    "a gradient factor": (
        REFERENCE.but(gradient_factor=0.3),
        ("gradient", "w1", 1),
        "B's gradients are 0.3 times A's: a constant factor in the loss or in the gradients",
    ),
    "a bias without gradient": (
        REFERENCE.but(untrained="b1"),
        ("gradient", "b1", 1),
        "the gradient of b1 is zero in B: it may not be trained there",
    ),
    "dropout not rescaled": (
        REFERENCE.but(rescale=False),
        ("logits", "logits", 1),
        "B's logits are 0.8 times A's: the input of the last layer has another scale, as when "
        "dropout is not rescaled",
    ),
    "dropout not rescaled on the way back": (
        REFERENCE.but(rescale_back=False),
        ("gradient", "w1", 1),
        "B's gradients of w1, b1 are 0.8 times A's while the others agree",
    ),
    "L2 in the gradient": (
        REFERENCE.but(l2=0.01),
        ("gradient", "w1", 1),
        "B's gradients of w1, b1, w2, b2 are A's plus 0.01 times the variable",
    ),
    "beta2 0.99": (
        REFERENCE.but(beta2=0.99),
        ("slot", "w1/v", 1),
        "w1/v is a second moment with decay 0.999 in A and 0.99 in B; slots of other kinds agree",
    ),
    "beta1 0.95": (
        REFERENCE.but(beta1=0.95),
        ("slot", "w1/m", 1),
        "w1/m is a first moment with decay 0.9 in A and 0.95 in B; slots of other kinds agree",
    ),
    "another gradient applied": (
        REFERENCE.but(applies_another_mask=True),
        ("slot", "w1/m", 1),
        "B's slots of w1 fit each other, but not the gradient recorded: the update used another",
    ),
    "learning rate 1 % off": (
        REFERENCE.but(learning_rate=1.01e-3),
        ("variable", "w1", 1),
        "have the ratio 1.01",
    ),
    "no bias correction": (
        REFERENCE.but(corrects_bias=False),
        ("variable", "w1", 1),
        "A corrects Adam's bias, B does not",
    ),
    "bias correction one step ahead": (
        REFERENCE.but(bias_step=1),
        ("variable", "w1", 1),
        "B's step in Adam's bias correction is one ahead",
    ),
    "epsilon 1e-7": (
        REFERENCE.but(epsilon=1e-7),
        ("variable", "w1", 1),
        "epsilon may differ, by about +9.0e-08 from A to B",
    ),
    "decoupled weight decay": (
        REFERENCE.but(weight_decay=0.01),
        ("variable", "w1", 1),
        "B's updates add -0.01 times the variable: weight decay",
    ),
    "global_step off by one": (
        REFERENCE.but(count_from=1, records_initial=False),
        ("variable", "global_step", 1),
        "B's variable global_step is one step ahead of A's",
    ),
    "recorded before the update": (
        REFERENCE.but(records_before_update=True),
        ("variable", "w1", 1),
        "is one step behind A's",
    ),
    "initial bias 0": (
        REFERENCE.but(initial_bias=0.0),
        ("initial", "variable/b1", 0),
        "b1 starts as the constant 0.1 in A and 0 in B",
    ),
    "initial stddev": (
        REFERENCE.but(initial_scale=20.0),
        ("initial", "variable/w1", 0),
        "B's initial w1 is 20 times A's: another scale or stddev",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake: str, tmp_path: Path) -> None:
    wrong, where, words = MISTAKES[mistake]
    comparison = compared(tmp_path, REFERENCE, wrong)
    assert first_of(comparison) == where
    assert len(comparison.hints) == 1, comparison.hints
    assert words in comparison.hints[0]


def test_the_same_run_gets_no_hint(tmp_path: Path) -> None:
    comparison = compared(tmp_path, REFERENCE, REFERENCE)
    assert comparison.outcome == "equal" and comparison.hints == ()


# ---- later than the first step --------------------------------------------------------------


def test_an_update_a_thousandth_off_is_a_bias_correction_one_step_ahead(tmp_path: Path) -> None:
    resumed = REFERENCE.but(start=400, slot_start=1e-4)
    comparison = compared(tmp_path, resumed, resumed.but(bias_step=1))
    assert first_of(comparison) == ("variable", "w1", 401)
    (hint,) = comparison.hints
    assert "B's updates are 1.001" in hint
    assert "bias correction is one ahead" in hint


def test_an_update_a_thousandth_off_is_a_missing_bias_correction(tmp_path: Path) -> None:
    resumed = REFERENCE.but(start=6000, slot_start=1e-4)
    comparison = compared(tmp_path, resumed, resumed.but(corrects_bias=False))
    assert first_of(comparison) == ("variable", "w1", 6001)
    (hint,) = comparison.hints
    assert "B's updates are 1.001" in hint
    assert "A corrects Adam's bias, B does not" in hint


def test_powers_of_beta_rounded_another_way(tmp_path: Path) -> None:
    """Keras recomputes beta**t, TensorFlow 1 keeps a running product: a last-bit difference."""
    early = REFERENCE.but(steps=8, learning_rate=0.1)
    comparison = compared(tmp_path, early.but(running_powers=True), early)
    assert first_of(comparison)[0] == "variable"
    assert "bias correction rounded in another way" in comparison.hints[0]


def test_slots_that_were_not_restored(tmp_path: Path) -> None:
    resumed = REFERENCE.but(start=100, slot_start=1e-4)
    comparison = compared(tmp_path, resumed, resumed.but(slot_start=0.0))
    assert first_of(comparison) == ("initial", "slot/w1/m", 100)
    assert "B's slot w1/m starts from zeros: it may not have been restored" in comparison.hints[0]


def test_a_factor_is_found_in_norms_where_elements_were_not_kept(tmp_path: Path) -> None:
    def late(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        return array * F(20) if stage == "gradient" and step == 3 else array

    sparse = REFERENCE.but(steps=5, every=None)
    comparison = compared(tmp_path, sparse, sparse.but(noise=late))
    assert first_of(comparison) == ("gradient", "w1", 3)
    assert comparison.first_difference is not None
    assert comparison.first_difference.elements is None
    assert "B's gradients are 20 times A's" in comparison.hints[0]


# ---- other optimizers -----------------------------------------------------------------------


def test_the_learning_rate_of_gradient_descent(tmp_path: Path) -> None:
    descent = REFERENCE.but(optimizer="sgd")
    comparison = compared(tmp_path, descent, descent.but(learning_rate=1e-2))
    assert "the learning rate is 0.001 in A and 0.01 in B" in comparison.hints[0]


def test_momentum_that_holds_a_velocity(tmp_path: Path) -> None:
    momentum = REFERENCE.but(optimizer="momentum", learning_rate=0.05)
    comparison = compared(tmp_path, momentum, momentum.but(momentum_holds_velocity=True))
    assert first_of(comparison) == ("slot", "w1/momentum", 1)
    assert "w1/momentum is -0.05 times A's: Keras's momentum slot" in comparison.hints[0]


def test_rmsprop_that_starts_from_another_value(tmp_path: Path) -> None:
    rmsprop = REFERENCE.but(optimizer="rmsprop", slot_start=1.0, records_initial=False)
    comparison = compared(tmp_path, rmsprop, rmsprop.but(slot_start=0.0))
    assert first_of(comparison) == ("slot", "w1/rms", 1)
    assert "is A's -0.9 in each element: the slot may start from another" in comparison.hints[0]


# ---- what cannot be compared ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (REFERENCE.but(batch_order=lambda step: step + 1), "1 step(s) ahead of A's"),
        (REFERENCE.but(batch_order=lambda step: step - 1), "1 step(s) behind A's"),
        (REFERENCE.but(batch_order=lambda step: 5 - step), "B takes batches of A in another order"),
        (REFERENCE.but(input_scale=255.0), "B's batch is 255 times A's: another scale"),
    ],
    ids=["ahead", "behind", "reversed", "scale"],
)
def test_other_batches(wrong: Run, words: str, tmp_path: Path) -> None:
    comparison = compared(tmp_path, REFERENCE, wrong)
    assert comparison.outcome == "cannot be compared"
    assert comparison.reasons[0].code == "batch"
    assert words in " ".join(comparison.hints)


def test_a_mask_of_the_drop_probability(tmp_path: Path) -> None:
    fed = REFERENCE.but(feed_mask=True, batch=50)
    comparison = compared(tmp_path, fed, fed.but(keep=0.2))
    assert comparison.reasons[0].tensor == "2"
    assert "the probability to keep may be taken for the one to drop" in comparison.hints[0]


def test_a_variable_without_any_gradient(tmp_path: Path) -> None:
    wrong = REFERENCE.but(gradients_only_of=("w1", "w2", "b2"))
    comparison = compared(tmp_path, REFERENCE, wrong)
    assert comparison.outcome == "cannot be compared"
    assert comparison.hints == ("B may not train b1: it has no gradient there",)


@pytest.mark.parametrize(("extra", "is_named"), [("beta2_power", True), ("other", False)])
def test_powers_of_beta_that_keras_does_not_keep(
    extra: str, is_named: bool, tmp_path: Path
) -> None:
    for name, slots in (("a", {"w/m": F(1), extra: F(0.9)}), ("b", {"w/m": F(1)})):
        with TraceRecorder(tmp_path / name) as recorder:
            recorder.record(1, F(1), slots=slots)
    with read_trace(tmp_path / "a") as a, read_trace(tmp_path / "b") as b:
        found = compare(a, b)
        assert found.outcome == "cannot be compared"
        assert any("--ignore '*beta?_power'" in hint for hint in found.hints) == is_named
        assert not is_named or compare(a, b, ignore=("*beta?_power",)).bitwise


def record_one(path: Path, **tensors: np.ndarray) -> Path:
    with TraceRecorder(path) as recorder:
        recorder.record(1, F(1), variables=tensors)
    return path


def test_transposed_weights(tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    for shape, words in (((3, 4), "may be transposed"), ((4, 4), "axes transposed to [1, 0]")):
        weights = rng.rand(*shape).astype(F)
        a = record_one(tmp_path / "a.npz", weights=weights)
        b = record_one(tmp_path / "b.npz", weights=weights.T)
        with read_trace(a) as trace_a, read_trace(b) as trace_b:
            assert words in compare(trace_a, trace_b).hints[0]


def test_a_sum_in_float64(tmp_path: Path) -> None:
    def in_float64(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        return np.nextafter(array, F(9)) if stage == "logits" and step == 2 else array

    comparison = compared(tmp_path, REFERENCE, REFERENCE.but(noise=in_float64))
    assert first_of(comparison) == ("logits", "logits", 2)
    (hint,) = comparison.hints
    assert "has the size of rounding" in hint and "float64" in hint


def test_rounding_does_not_hide_what_comes_after_it(tmp_path: Path) -> None:
    rounded = REFERENCE.but(moves_moments=True, slot_start=1e-4)
    reference = REFERENCE.but(slot_start=1e-4)
    comparison = compared(tmp_path, reference, rounded.but(learning_rate=2e-3))
    assert first_of(comparison) == ("slot", "w1/m", 1)
    assert "has the size of rounding" in comparison.hints[0]
    assert "beyond rounding, B's updates are 2.0000" in comparison.hints[1]
    assert len(compared(tmp_path, reference, rounded).hints) == 1


@pytest.mark.parametrize("keras_is", ["A", "B"])
def test_the_adam_of_keras_and_of_tensorflow_1(keras_is: str, tmp_path: Path) -> None:
    runs = [REFERENCE.but(rounds_betas=True), REFERENCE.but(moves_moments=True)]
    comparison = compared(tmp_path, *(runs if keras_is == "B" else runs[::-1]))
    assert first_of(comparison) == ("slot", "w1/m", 1)
    other = "B" if keras_is == "A" else "A"
    assert f"1 - beta2 is 0.001 in {keras_is}, as in Keras's Adam" in comparison.hints[1]
    assert f"and float32(1 - 0.999) in {other}" in comparison.hints[1]
    only_moved = compared(tmp_path, REFERENCE, REFERENCE.but(moves_moments=True))
    assert not any("beta2" in hint for hint in only_moved.hints)


# ---- silence --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size",
    [pytest.param(1e-4, marks=pytest.mark.slow), 1e-2, pytest.param(1.0, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize(
    "where", ["initial", "batch", "logits", "loss", "gradient", "slot", "variable"]
)
def test_noise_gets_no_hint(where: str, size: float, tmp_path: Path) -> None:
    rng = np.random.RandomState(3)

    def noise(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        if stage != where or not np.issubdtype(array.dtype, np.floating):
            return array
        scale = size * np.abs(array).mean()
        return (array + scale * rng.normal(size=array.shape)).astype(array.dtype)

    for attempt in range(3):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        comparison = compared(folder, REFERENCE, REFERENCE.but(noise=noise))
        assert comparison.exit_code != 0
        assert comparison.hints == ()


@pytest.mark.parametrize(
    "other",
    [REFERENCE.but(initial_seed=8), REFERENCE.but(smoothing=0.1), REFERENCE.but(keep=0.3)],
    ids=["other initial values", "label smoothing", "another dropout"],
)
def test_a_difference_of_no_simple_law_gets_no_hint(other: Run, tmp_path: Path) -> None:
    assert compared(tmp_path, REFERENCE, other).hints == ()


def test_half_of_an_explanation_is_none(tmp_path: Path) -> None:
    """Gradients 1.3 times as large, but as much again is noise: a factor would mislead."""
    rng = np.random.RandomState(5)

    def noise(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        if stage != "gradient":
            return array
        return (array * 1.3 + 0.3 * np.abs(array).mean() * rng.normal(size=array.shape)).astype(F)

    comparison = compared(tmp_path, REFERENCE, REFERENCE.but(noise=noise))
    assert first_of(comparison) == ("gradient", "w1", 1)
    assert comparison.hints == ()


def test_a_loss_and_gradients_of_other_factors_share_none(tmp_path: Path) -> None:
    wrong = REFERENCE.but(loss_factor=1.7, gradient_factor=0.3)
    assert compared(tmp_path, REFERENCE, wrong).hints == ()


def test_one_odd_batch_is_no_order_of_batches(tmp_path: Path) -> None:
    odd = REFERENCE.but(batch_order=lambda step: 99 if step == 3 else step)
    comparison = compared(tmp_path, REFERENCE, odd)
    assert comparison.reasons[0].step == 3
    assert comparison.hints == ()


def test_last_bits_of_variables_are_no_factor_of_updates(tmp_path: Path) -> None:
    rng = np.random.RandomState(5)

    def last_bits(stage: str, name: str, step: int, array: np.ndarray) -> np.ndarray:
        if stage != "variable" or array.dtype != F:
            return array
        return np.where(rng.rand(*array.shape) < 0.5, np.nextafter(array, F(9)), array)

    (hint,) = compared(tmp_path, REFERENCE, REFERENCE.but(noise=last_bits)).hints
    assert "has the size of rounding" in hint


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
@pytest.mark.parametrize("value", [0.0, -np.inf, np.nan, 1e-45, 3e38])
@pytest.mark.parametrize(
    "where", ["initial", "batch", "logits", "loss", "gradient", "slot", "variable"]
)
def test_extreme_numbers_and_shapes_do_no_harm(
    where: str, value: float, shape: tuple[int, ...], tmp_path: Path
) -> None:
    def record(path: Path, number: float) -> Path:
        def tensor(stage: str) -> np.ndarray:
            return np.full(shape, number if stage == where else 1.0, F)

        with TraceRecorder(path) as recorder:
            state = {"weights": tensor("initial")}
            recorder.record_initial(state, {"weights/m": np.zeros(shape, F)})
            for step in (1, 2):
                recorder.record(
                    step,
                    F(number if where == "loss" else 1.0),
                    batch=[tensor("batch")],
                    logits=tensor("logits"),
                    gradients={"weights": tensor("gradient")},
                    slots={"weights/m": tensor("slot")},
                    variables={"weights": tensor("variable")},
                )
        return path

    a, b = record(tmp_path / "a.npz", 2.0), record(tmp_path / "b.npz", value)
    for pair in ((a, b), (b, a)):
        with read_trace(pair[0]) as trace_a, read_trace(pair[1]) as trace_b:
            comparison = compare(trace_a, trace_b)
        is_empty = 0 in shape and where != "loss"
        assert (comparison.exit_code == 0) == is_empty


def test_hints_do_not_need_the_bitwise_criterion(tmp_path: Path) -> None:
    rule = Criterion.tolerance(rtol=1e-6)
    comparison = compared(tmp_path, REFERENCE, REFERENCE.but(beta2=0.99), criterion=rule)
    assert "decay 0.999 in A and 0.99 in B" in comparison.hints[0]
