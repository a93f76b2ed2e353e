"""Every way that is timed trains the model: its variables end where the Session's do.

A way that left out the update, or lost a batch, would be fast and wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from benchmarks.kinds_of_work import WORKS
from benchmarks.models_and_batches import SETUPS, Workload, has_optimizers, make_workload
from benchmarks.plan import FULL
from benchmarks.processes import Processes, why_not
from benchmarks.runtimes import DEFAULTS, LIMITS, REFERENCE, RUNTIMES, Runtime, runtime_named
from shared.errors import SuiteError
from shared.models import IMAGES, NOT_TIMED, PAIRS

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


def test_the_sessions_of_both_tensorflows_agree(processes: Processes) -> None:
    if why_not(runtime_named("tf115")):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    assert difference(reference, trained(processes, runtime_named("tf115"), workload)) < TOLERANCE


def test_every_pair_is_measured_and_counted_or_has_a_reason() -> None:
    from benchmarks.counts import COUNTS

    assert list(SETUPS) == list(COUNTS) == [name for name in PAIRS if name not in NOT_TIMED]
    assert set(NOT_TIMED) <= set(PAIRS)


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
        ways = FULL.training_ways(model)
        assert way in ways
        assert (runtime_named("gathered") in ways) == (PAIRS[model].data in IMAGES)


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
    created.train_steps(workload.inputs, workload.targets)
    one = workload.inputs[0][:1]
    expected = np.asarray(created.predict(one))
    assert np.asarray(concrete_predict(created, one)(one)).tobytes() == expected.tobytes()
    compiled = np.asarray(compiled_predict(created, one)(one))
    # A sum of 784 products in another order is apart by roundings of 2**-24 each.
    assert np.abs(compiled - expected).max() <= 2e-5 * np.abs(expected).max()
    other = np.asarray(compiled_predict(created, one)(workload.inputs[0][1:2]))
    assert np.abs(other - expected).max() > 1e-2 * np.abs(expected).max()
