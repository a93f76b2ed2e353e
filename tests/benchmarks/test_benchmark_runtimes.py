"""Every way that is timed trains the model: its variables end where the Session's do.

A way that left out the update, or lost a batch, would be fast and wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.kinds_of_work import WORKS
from benchmarks.models_and_batches import SETUPS, Workload, has_optimizers, make_workload
from benchmarks.plan import FULL, LEFT_OUT, MODELS
from benchmarks.processes import Processes, why_not
from benchmarks.runtimes import (
    DEFAULTS,
    LIMITS,
    REFERENCE,
    RUNTIMES,
    UNROLLED,
    Runtime,
    runtime_named,
    sessions,
)
from shared.errors import SuiteError
from shared.models import PAIRS, TIMED_WHEN_NAMED

STEPS = 4
# Ways differ from the Session by the order of sums (XLA, NumPy, JAX, PyTorch) and by how Keras's
# Adam rounds; over four steps of a line or of softmax that stays at some roundings of 2**-24 each.
# A step left out would change every variable by a thousandth or more.
TOLERANCE = 2e-5
# PyTorch's Adam adds epsilon to the corrected root, TensorFlow's to the uncorrected one, where it
# weighs 1 / sqrt(1 - 0.999) = 32 times as much at the first step: the biases of a network, which
# start at 0, move by a share of 32 * 1e-8 / g less for a gradient g, here taken as at least 1e-4.
# Seen: 5e-4.
PYTORCH_ADAM_TOLERANCE = 32 * 1e-8 / 1e-4


# Steps so short that a network does not amplify what rounds otherwise; what starts at 0 still shows
# each step as a fourth of all. Dropout, whose numbers XLA draws in another way, keeps all.
SETTINGS: dict[str, dict[str, float]] = {
    "residual_network": {"learning_rate": 1e-3},
    "recurrent_network": {"learning_rate": 1e-5, "keep_probability": 1.0},
    "adversarial": {"learning_rate": 1e-5},
}
# In the first step of the residual network a rounding decides whether a unit is on at the pixels of
# the background, which are all alike: it moved one beta by 1e-3 of itself under XLA, by 8e-3 under
# TensorFlow 1.15. All others are within 7e-7.
TOLERANCES = {"residual_network": 1e-2}


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as opened:
        yield opened


def trained(processes: Processes, way: Runtime, workload: Workload) -> Mapping[str, Any]:
    timed = processes.open(way, "train", workload)
    timed.seconds(workload.steps // timed.unit)
    variables = timed.variables()
    timed.close()
    return variables


def difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """The largest ||b - a|| / ||a|| of any variable."""
    assert a.keys() == b.keys()
    norms = [
        float(np.linalg.norm(np.asarray(b[name]) - a[name]) / np.linalg.norm(a[name])) for name in a
    ]
    return max(norms)


@pytest.mark.parametrize(
    "model",
    [
        "relu_regression",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("softmax_regression", "mlp")),
    ],
)
def test_every_way_ends_at_the_sessions_variables(model: str, processes: Processes) -> None:
    workload = make_workload(model, batch=20, steps=STEPS)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    start = workload.create("tf1_style").variables()
    # The initial softmax weights are zero: the step is told by comparing with where it started.
    assert all(np.any(reference[name] != start[name]) for name in reference)
    compared = []
    for way in RUNTIMES:
        if why_not(way) or (way.optimizer == "tf1" and not has_optimizers(workload.pair)):
            continue
        found = difference(reference, trained(processes, way, workload))
        is_other_adam = way.name == "torch" and model == "mlp"
        limit = PYTORCH_ADAM_TOLERANCE if is_other_adam else TOLERANCE
        assert found < limit, f"{way.label}: {found}"
        compared.append(way.name)
    assert {"eager", "many-steps-xla", "fit", "session-dataset", "numpy"} <= set(compared)


def test_a_way_that_makes_one_step_less_is_caught(processes: Processes) -> None:
    workload = make_workload("relu_regression", batch=20, steps=STEPS)
    shorter = make_workload("relu_regression", batch=20, steps=STEPS - 1)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    found = difference(reference, trained(processes, runtime_named("many-steps"), shorter))
    assert found > 10 * TOLERANCE


def test_several_steps_in_a_turn_of_the_loop_leave_none_out(processes: Processes) -> None:
    workload = make_workload("linear_regression", batch=20, steps=2 * UNROLLED + 3)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    for way in map(runtime_named, ("many-steps-xla-unrolled", "jax-scan-unrolled")):
        if why_not(way) is None:
            assert difference(reference, trained(processes, way, workload)) < TOLERANCE, way.label


@pytest.mark.slow
def test_every_way_of_the_network_ends_at_the_sessions_variables(processes: Processes) -> None:
    # Without dropout, whose numbers XLA, JAX and PyTorch draw in other ways. Adam moves a weight
    # with a gradient near 0 by the sign of a rounding: at most the rate of 1e-4, twice, a step,
    # beside weights of 0.1.
    workload = make_workload("cnn", batch=4, steps=2, keep_probability=1.0)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    for way in RUNTIMES:
        if why_not(way) is None and way.name != "numpy":
            found = difference(reference, trained(processes, way, workload))
            assert found < 2 * 2 * 1e-4 / 0.1, f"{way.label}: {found}"


def far_from_the_session(
    model: str, ways: Sequence[Runtime], processes: Processes
) -> dict[str, float]:
    """Returns how far each way is from the Session that is further than it may be."""
    workload = make_workload(model, batch=20, steps=STEPS, **SETTINGS.get(model, {}))
    reference = trained(processes, runtime_named(REFERENCE), workload)
    start = workload.create("tf1_style").variables()
    assert all(np.any(reference[name] != start[name]) for name in reference)
    limit = TOLERANCES.get(model, TOLERANCE)
    found = {way.name: difference(reference, trained(processes, way, workload)) for way in ways}
    return {name: apart for name, apart in found.items() if not apart < limit}


def test_ways_of_three_arrays_a_batch_end_at_the_sessions_variables(processes: Processes) -> None:
    ways = [runtime_named(name) for name in ("session-callable", "session-dataset", "many-steps")]
    assert far_from_the_session("embeddings", ways, processes) == {}


@pytest.mark.slow
@pytest.mark.parametrize("model", TIMED_WHEN_NAMED)
def test_every_way_of_a_model_timed_when_named_ends_at_the_sessions_variables(
    model: str, processes: Processes
) -> None:
    ways = [way for way in FULL.training_ways(model) if why_not(way) is None]
    assert far_from_the_session(model, ways, processes) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "function", "change"),
    [
        ("adversarial", "_updates", lambda runs: runs[:1]),  # never the generator's
        ("residual_network", "_switches", lambda switches: ([], [])),  # normalized by averages
    ],
)
def test_a_callable_that_leaves_out_a_run_or_a_switch_is_caught(
    model: str,
    function: str,
    change: Callable[[Any], Any],
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = getattr(sessions, function)
    monkeypatch.setattr(sessions, function, lambda model: change(right(model)))
    way = runtime_named("session-callable")
    assert list(far_from_the_session(model, [way], processes)) == [way.name]


def test_the_sessions_of_both_tensorflows_agree(processes: Processes) -> None:
    if why_not(runtime_named("tf115")):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    assert difference(reference, trained(processes, runtime_named("tf115"), workload)) < TOLERANCE


def test_every_pair_is_measured_and_counted() -> None:
    from benchmarks.counts import COUNTS

    assert list(SETUPS) == list(COUNTS) == list(PAIRS)
    assert list(MODELS) == [name for name in PAIRS if name not in TIMED_WHEN_NAMED]
    assert set(TIMED_WHEN_NAMED) <= set(PAIRS)


def test_what_is_left_out_is_a_way_and_has_a_reason() -> None:
    names = {way.name for way in RUNTIMES}
    for model, reasons in LEFT_OUT.items():
        left_out = [name for group, why in reasons for name in group if why]
        assert set(left_out) <= names and model in PAIRS
        assert len(set(left_out)) == len(left_out) == sum(len(group) for group, _ in reasons)
        assert not set(left_out) & {way.name for way in FULL.training_ways(model)}


def test_names_and_labels_tell_ways_apart() -> None:
    ways = (*RUNTIMES, *LIMITS)
    assert len({way.name for way in ways}) == len({way.label for way in ways}) == len(ways)
    assert max(len(way.label) for way in ways) <= 27  # what the table has room for


def test_the_defaults_are_those_of_the_style_files() -> None:
    assert list(DEFAULTS) == list(SETUPS)
    for model, name in DEFAULTS.items():
        config = PAIRS[model].module("tf2_style").Config()
        way = runtime_named(name)
        assert not has_optimizers(PAIRS[model]) or way.optimizer == config.optimizer, model
        assert way in FULL.training_ways(model)


@pytest.mark.parametrize("name", ["tf115", REFERENCE, "function"])
def test_all_other_work_is_done_in_every_style(name: str, processes: Processes) -> None:
    way = runtime_named(name)
    if why_not(way):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    start = workload.create("tf1_style").variables()
    for work in WORKS:
        timed = processes.open(way, work, workload)
        assert len(timed.seconds_each(2)) == 2, work
        values = timed.variables()
        assert all(np.array_equal(start[key], values[key]) for key in start), work
        timed.close()


def test_an_exception_in_another_process_is_told_by_its_first_line(processes: Processes) -> None:
    if why_not(runtime_named("tf115")):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    with pytest.raises(SuiteError, match="tf115: expected a measurement, found: KeyError: 'sing'"):
        processes.open(runtime_named("tf115"), "sing", workload)
    # The process lives on, and measures what comes next.
    assert processes.open(runtime_named("tf115"), "evaluate", workload).seconds(1) > 0


@pytest.mark.parametrize("model", ["softmax_regression", "mlp"])
def test_other_calls_predict_the_same(model: str) -> None:
    from benchmarks.runtimes.functions import compiled_predict, concrete_predict

    workload = make_workload(model, batch=20, steps=STEPS)
    created = workload.create("tf2_style")
    created.train_steps(*workload.arrays)
    one = workload.arrays[0][0][:1]
    expected = np.asarray(created.predict(one))
    assert np.asarray(concrete_predict(created, one)(one)).tobytes() == expected.tobytes()
    compiled = np.asarray(compiled_predict(created, one)(one))
    # A sum of 784 products in another order is apart by roundings of 2**-24 each.
    assert np.abs(compiled - expected).max() <= 2e-5 * np.abs(expected).max()
    other = np.asarray(compiled_predict(created, one)(workload.arrays[0][0][1:2]))
    assert np.abs(other - expected).max() > 1e-2 * np.abs(expected).max()
