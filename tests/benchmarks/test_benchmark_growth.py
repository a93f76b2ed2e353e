"""What must not grow with the length of a run: memory, and the number of traces."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.clock import Running, repeated
from benchmarks.memory import resident_bytes
from benchmarks.models_and_batches import make_workload
from benchmarks.runtimes import runtime_named
from large_models import large_are_slow
from shared.models import PAIRS
from shared.program.batches import inputs_of

ROOT = Path(__file__).parents[2]
STEPS = 10_000
RUNTIMES = ("session-feed", "function", "many-steps")
# Generous: pools and arenas may still settle. A leak of one array or one traced graph per step is
# far beyond it: 10,000 steps of 4 KB are 40 MB.
BOUND = 10 * 2**20

# In a process of its own: what other tests have freed could hide a leak, or settle meanwhile.
MEASURE = """
import json, sys
import shared.tensorflow_loading
from test_benchmark_growth import growths
print(json.dumps(growths()))
"""


def growths() -> dict[str, int]:
    """The bytes by which this process grows over `STEPS` steps of each runtime, and of a leak."""
    workload = make_workload("linear_regression", batch=10)
    kept: list[np.ndarray] = []
    leaking = repeated(lambda: kept.append(np.ones(1024, np.float32)), 1, dict)
    grown = {runtime: growth(runtime_named(runtime).open(workload)) for runtime in RUNTIMES}
    return {**grown, "leak": growth(leaking)}


def growth(running: Running) -> int:
    """The bytes by which the process grows over `STEPS` steps, after a tenth as many."""
    running.run(STEPS // 10 // running.steps_per_repetition)
    before = resident_bytes()
    running.run(STEPS // running.steps_per_repetition)
    return resident_bytes() - before


@pytest.fixture(scope="module")
def grown() -> dict[str, int]:
    path = os.pathsep.join(
        [str(ROOT), *(str(ROOT / "tests" / part) for part in ("benchmarks", "helpers"))]
    )
    done = subprocess.run(
        [sys.executable, "-c", MEASURE],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_memory_does_not_grow(runtime: str, grown: dict[str, int]) -> None:
    assert grown[runtime] < BOUND


@pytest.mark.slow
def test_a_leak_of_four_kilobytes_a_step_is_caught(grown: dict[str, int]) -> None:
    assert grown["leak"] > BOUND


def traces(function: tf.types.experimental.PolymorphicFunction) -> int:
    return int(function.experimental_get_tracing_count())


@pytest.mark.parametrize("name", large_are_slow(name for name in PAIRS if name != "cnn"))
def test_each_function_is_traced_once_whatever_the_batch_and_the_number_of_steps(name: str) -> None:
    model = PAIRS[name].create("tf2_style")
    for size, steps in ((1, 1), (7, 3), (20, 2)):
        workload = make_workload(name, size, steps)
        batch = tuple(array[0] for array in workload.arrays)
        model.train_step(*batch)
        model.train_steps(*workload.arrays)
        model.predict(*inputs_of(model, batch))
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


def test_the_eager_runtime_leaves_tf_function_on() -> None:
    workload = make_workload("linear_regression", batch=10, steps=2)
    runtime_named("eager").open(workload).run(2)
    assert not tf.config.functions_run_eagerly()
