"""Every runtime that is timed trains the model: its variables end where the Session's do.

A runtime that left out the update, or lost a batch, would be fast and wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.models_and_batches import SETUPS, Workload, has_optimizers, make_workload
from benchmarks.plan import FULL, LEFT_OUT, MODELS
from benchmarks.processes import PROCESS_SETTINGS, Processes, why_not
from benchmarks.runtimes import (
    ALL,
    DEFAULTS,
    LOOP_IN_A_KERNEL,
    REFERENCE,
    RUNTIMES,
    UNROLLED,
    Runtime,
    runtime_named,
    sessions,
)
from benchmarks.tasks import TASKS
from checkpoint_pairs import named_inputs
from large_models import large_are_slow
from shared.errors import SuiteError
from shared.models import PAIRS, TIMED_WHEN_NAMED

STEPS = 4
# Runtimes differ from the Session by the order of sums (XLA, NumPy, JAX, PyTorch) and by how
# Keras's Adam rounds; over four steps of a line or of softmax that is some roundings of 2**-24
# each. A step left out would change every variable by a thousandth or more.
TOLERANCE = 2e-5
# PyTorch's Adam adds epsilon to the corrected root, TensorFlow's to the uncorrected one, where it
# weighs 1 / sqrt(1 - 0.999) = 32 times as much at the first step: the biases of a network, which
# start at 0, move by a share of 32 * 1e-8 / g less for a gradient g, here taken as at least 1e-4.
# Seen: 5e-4.
PYTORCH_ADAM_TOLERANCE = 32 * 1e-8 / 1e-4


# Steps so short that a network does not amplify what rounds otherwise; what starts at 0 still shows
# each step as a fourth of all. Dropout, whose numbers XLA draws differently, keeps all.
SETTINGS: dict[str, dict[str, float]] = {
    "residual_network": {"learning_rate": 1e-3},
    "recurrent_network": {"learning_rate": 1e-5, "keep_probability": 1.0},
    "adversarial": {"learning_rate": 1e-5},
}
# In the first step of the residual network a rounding decides whether a unit is on at the pixels of
# the background, which are all alike: it moved one beta by 1e-3 of itself under XLA, by 8e-3 under
# TensorFlow 1.15. All others are within 7e-7.
TOLERANCES = {"residual_network": 1e-2}


UNROLLED_LOOPS = ("many-steps-xla-unrolled", "jax-scan-unrolled")


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes() as opened:
        yield opened


def trained(processes: Processes, runtime: Runtime, workload: Workload) -> Mapping[str, Any]:
    timed = processes.open(runtime, "train", workload)
    timed.seconds(workload.steps // timed.steps_per_repetition)
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
    ["linear_regression", "relu_regression", "softmax_regression", "mlp"],
)
@pytest.mark.slow
def test_every_runtime_ends_at_the_sessions_variables(model: str, processes: Processes) -> None:
    workload = make_workload(model, batch=20, steps=STEPS)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    start = workload.create("tf1_style").variables()
    # The initial softmax weights are zero: the step is told by comparing with where it started.
    assert all(np.any(reference[name] != start[name]) for name in reference)
    compared = []
    for runtime in FULL.training_runtimes(model):
        if why_not(runtime):
            continue
        found = difference(reference, trained(processes, runtime, workload))
        is_other_adam = runtime.name == "torch" and model == "mlp"
        limit = PYTORCH_ADAM_TOLERANCE if is_other_adam else TOLERANCE
        assert found < limit, f"{runtime.label}: {found}"
        compared.append(runtime.name)
    assert {"eager", "many-steps-xla", "fit", "session-dataset", "numpy"} <= set(compared)


def test_a_runtime_that_makes_one_step_less_is_caught(processes: Processes) -> None:
    workload = make_workload("relu_regression", batch=20, steps=STEPS)
    shorter = make_workload("relu_regression", batch=20, steps=STEPS - 1)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    found = difference(reference, trained(processes, runtime_named("many-steps"), shorter))
    assert found > 10 * TOLERANCE


@pytest.mark.slow
def test_unrolled_loops_leave_no_step_out(processes: Processes) -> None:
    workload = make_workload("linear_regression", batch=20, steps=2 * UNROLLED + 3)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    for runtime in map(runtime_named, UNROLLED_LOOPS):
        if why_not(runtime) is None:
            found = difference(reference, trained(processes, runtime, workload))
            assert found < TOLERANCE, f"{runtime.label}: {found}"


@pytest.mark.slow
def test_every_runtime_of_the_network_ends_at_the_sessions_variables(processes: Processes) -> None:
    # Without dropout, whose numbers XLA, JAX and PyTorch draw differently. Adam moves a weight
    # with a gradient near 0 by the sign of a rounding: at most the rate of 1e-4, twice, a step,
    # beside weights of 0.1.
    workload = make_workload("cnn", batch=4, steps=2, keep_probability=1.0)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    for runtime in FULL.training_runtimes("cnn"):
        if why_not(runtime) is None:
            found = difference(reference, trained(processes, runtime, workload))
            assert found < 2 * 2 * 1e-4 / 0.1, f"{runtime.label}: {found}"


def far_from_the_session(
    model: str, runtimes: Sequence[Runtime], processes: Processes
) -> dict[str, float]:
    """Returns how far those runtimes are from the Session that are further than they may be."""
    workload = make_workload(model, batch=20, steps=STEPS, **SETTINGS.get(model, {}))
    reference = trained(processes, runtime_named(REFERENCE), workload)
    start = workload.create("tf1_style").variables()
    assert all(np.any(reference[name] != start[name]) for name in reference)
    limit = TOLERANCES.get(model, TOLERANCE)
    found = {
        runtime.name: difference(reference, trained(processes, runtime, workload))
        for runtime in runtimes
    }
    return {name: apart for name, apart in found.items() if not apart < limit}


def test_batches_of_three_arrays_train_to_the_sessions_variables(processes: Processes) -> None:
    names = ("session-callable", "session-dataset", "many-steps")
    runtimes = [runtime_named(name) for name in names]
    assert far_from_the_session("embeddings", runtimes, processes) == {}


@pytest.mark.slow
@pytest.mark.parametrize("model", TIMED_WHEN_NAMED)
def test_every_runtime_of_a_model_timed_when_named_ends_at_the_sessions_variables(
    model: str, processes: Processes
) -> None:
    runtimes = [runtime for runtime in FULL.training_runtimes(model) if why_not(runtime) is None]
    assert far_from_the_session(model, runtimes, processes) == {}


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
    runtime = runtime_named("session-callable")
    assert list(far_from_the_session(model, [runtime], processes)) == [runtime.name]


def test_the_sessions_of_both_tensorflows_agree(processes: Processes) -> None:
    if why_not(runtime_named("tf115")):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    reference = trained(processes, runtime_named(REFERENCE), workload)
    assert difference(reference, trained(processes, runtime_named("tf115"), workload)) < TOLERANCE


LOOP = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf

@tf.function(jit_compile=True)
def sums(rows):
    total = tf.constant(0.0)
    for row in tf.range(tf.shape(rows)[0]):
        total += tf.reduce_sum(rows[row])
    return total

rows = tf.ones([1000, 100])  # as many bytes as a line's batches of one call
print(sums.experimental_get_compiler_ir(rows)(stage="optimized_hlo").count("small_call"))
"""


@pytest.mark.slow
def test_the_setting_of_a_process_makes_a_loop_one_kernel(tmp_path: Path) -> None:
    """XLA's program calls a function "small_call" for it, and none without the setting."""
    program = tmp_path / "program.py"  # a file, for AutoGraph reads the source
    program.write_text(LOOP)
    found = []
    for process in (LOOP_IN_A_KERNEL["tensorflow"], "this"):
        environment = os.environ | PROCESS_SETTINGS.get(process, {})
        command = [sys.executable, str(program)]
        child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append(int(child.stdout))
    assert found[0] > 0 and found[1] == 0


def test_every_pair_is_measured_and_counted() -> None:
    from benchmarks.counts import COUNTS

    assert list(SETUPS) == list(COUNTS) == list(PAIRS)
    assert list(MODELS) == [name for name in PAIRS if name not in TIMED_WHEN_NAMED]
    assert set(TIMED_WHEN_NAMED) <= set(PAIRS)


def test_what_is_left_out_is_a_runtime_and_has_a_reason() -> None:
    names = {runtime.name for runtime in RUNTIMES}
    for model, parts in LEFT_OUT.items():
        left_out = [name for part in parts for name in part.runtimes]
        assert set(left_out) <= names and model in PAIRS
        assert all(part.runtimes and part.reason for part in parts)
        assert len(set(left_out)) == len(left_out), "a runtime is left out twice"
        assert not set(left_out) & {each.name for each in FULL.training_runtimes(model)}


def test_names_and_labels_tell_runtimes_apart() -> None:
    runtimes = ALL
    assert len({runtime.name for runtime in runtimes}) == len(runtimes)
    assert len({runtime.label for runtime in runtimes}) == len(runtimes)
    assert max(len(runtime.label) for runtime in runtimes) <= 27  # what the table has room for


def test_the_defaults_are_those_of_the_style_files() -> None:
    assert list(DEFAULTS) == list(SETUPS)
    for model, name in DEFAULTS.items():
        config = PAIRS[model].module("tf2_style").Config()
        runtime = runtime_named(name)
        assert not has_optimizers(PAIRS[model]) or runtime.optimizer == config.optimizer, model
        assert runtime in FULL.training_runtimes(model)


@pytest.mark.parametrize("name", ["tf115", REFERENCE, "function"])
def test_every_other_task_is_done_in_every_style(name: str, processes: Processes) -> None:
    runtime = runtime_named(name)
    if why_not(runtime):
        pytest.skip("real TensorFlow 1.15 is not here")
    workload = make_workload("linear_regression", batch=20, steps=STEPS)
    start = workload.create("tf1_style").variables()
    for task in TASKS:
        timed = processes.open(runtime, task, workload)
        assert len(timed.seconds_each(2)) == 2, task
        values = timed.variables()
        assert all(np.array_equal(start[key], values[key]) for key in start), task
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


@pytest.mark.parametrize("model", large_are_slow(PAIRS))
def test_tensorflow_lite_predicts_the_same(model: str) -> None:
    from benchmarks.runtimes.functions import lite_predict

    workload = make_workload(model, batch=20, steps=STEPS)
    created = workload.create("tf2_style")
    created.train_steps(*workload.arrays)
    examples = named_inputs(model, size=2).values()
    one, other = [[array[index : index + 1] for array in examples] for index in (0, 1)]
    expected = np.asarray(created.predict(*one))
    predict = lite_predict(created, *one)
    found = predict(*one)
    assert found.shape == expected.shape
    # Sums in another order, the CNN's of 3,136 products: each is apart by some 2**-24.
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert np.abs(predict(*other) - expected).max() > 1e-3 * np.abs(expected).max()
    # The values of that moment are in it; training on does not change them.
    created.train_steps(*workload.arrays)
    assert predict(*one).tobytes() == found.tobytes()
