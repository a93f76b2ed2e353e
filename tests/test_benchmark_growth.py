"""What must not grow with the length of a run: memory, and the number of traces."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.clock import Running, repeated
from benchmarks.memory import resident_bytes
from benchmarks.ways import way_named
from benchmarks.workloads import make_workload
from shared.models import PAIRS

STEPS = 10_000
# Generous: pools and arenas may still settle, by up to 13 MB after other tests. A leak of one array
# or one traced graph a step is beyond it: 10,000 steps of 4 KB are 40 MB.
BOUND = 32 * 2**20


def growth(running: Running) -> int:
    """The bytes by which the process grows over `STEPS` steps, after a tenth as many."""
    running.run(STEPS // 10 // running.unit)
    before = resident_bytes()
    running.run(STEPS // running.unit)
    return resident_bytes() - before


@pytest.mark.parametrize("way", ["session-feed", "function", "many-steps"])
def test_memory_does_not_grow(way: str) -> None:
    workload = make_workload("linear_regression", batch=10)
    assert growth(way_named(way).open(workload)) < BOUND


def test_a_leak_of_four_kilobytes_a_step_is_caught() -> None:
    kept: list[np.ndarray] = []
    leaking = repeated(lambda: kept.append(np.ones(1024, np.float32)), 1, dict)
    assert growth(leaking) > BOUND


def traces(function: tf.types.experimental.PolymorphicFunction) -> int:
    return int(function.experimental_get_tracing_count())


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "cnn"])
def test_each_function_is_traced_once_whatever_the_batch_and_the_number_of_steps(name: str) -> None:
    model = PAIRS[name].create("tf2_style")
    for batch, steps in ((1, 1), (7, 3), (20, 2)):
        workload = make_workload(name, batch, steps)
        model.train_step(workload.inputs[0], workload.targets[0])
        model.train_steps(workload.inputs, workload.targets)
        model.predict(workload.inputs[0])
    counts = {
        name: traces(getattr(model, name)) for name in ("train_step", "train_steps", "predict")
    }
    # `train_step` is traced once more where `train_steps` takes it in, or not at all.
    assert counts["train_steps"] == counts["predict"] == 1
    assert counts["train_step"] == 1


def test_a_function_without_a_signature_is_traced_again_for_every_batch_size() -> None:
    unsigned = tf.function(lambda inputs: inputs * 2)
    for batch in (1, 7, 20):
        unsigned(tf.zeros([batch]))
    assert traces(unsigned) > 1


def test_eager_ways_leave_tf_function_on() -> None:
    workload = make_workload("linear_regression", batch=10, steps=2)
    way_named("eager").open(workload).run(2)
    assert not tf.config.functions_run_eagerly()
