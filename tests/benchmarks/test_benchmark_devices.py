"""What a run on a GPU adds: how it multiplies, its floor, its batches, its flags."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from benchmarks import conftest, plan
from benchmarks.limits import MOVED_BYTES, OPERATIONS
from benchmarks.machine import error_of_a_product
from benchmarks.plan import FULL, ON_GPU, QUICK, batch_cases, plan_of
from benchmarks.processes import TF32_SWITCH
from benchmarks.results import Result, Row
from shared.models import TIMED_WHEN_NAMED
from shared.tools.commands import bench, main


def rounded_to_tf32(values: np.ndarray) -> np.ndarray:
    """Keeps 10 of the 23 bits after the point, to nearest."""
    bits = values.view(np.uint32) + np.uint32(1 << 12)
    return (bits & np.uint32(0xFFFFE000)).view(np.float32)


def test_the_error_of_a_product_tells_tf32_from_float32() -> None:
    exact = error_of_a_product(lambda a, b: a @ b)
    coarse = error_of_a_product(lambda a, b: rounded_to_tf32(a) @ rounded_to_tf32(b))
    assert exact < 1e-6 < 1e-4 < coarse < 1e-3


def test_tf32_is_switched_off_here_and_for_other_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    monkeypatch.setenv(TF32_SWITCH, "1")
    assert tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        conftest.multiply_float32_as_float32()
        assert not tf.config.experimental.tensor_float_32_execution_enabled()
        assert os.environ[TF32_SWITCH] == "0"
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(True)


def floor_on(device: str) -> float:
    fields: dict[str, Any] = {"model": "softmax_regression", "task": "train", "batch": 50}
    rows = [
        Row(runtime=name, device=device, seconds=(seconds,), **fields)
        for name, seconds in [
            ("product-tensorflow", OPERATIONS[device] / 1e13),
            ("copy", MOVED_BYTES[device] / 1e9),
            ("session-feed", 1.0),
        ]
    ]
    return Result({"machine": {"cache_bytes": 0}}, rows).floor(rows[-1])[0]


def test_on_a_gpu_the_floor_counts_operations_alone() -> None:
    """A product of [50, 784] and [784, 10], and two of its size backward, are 1.6 to 2.4e6."""
    assert 1.5e6 < floor_on("gpu") * 1e13 < 2.6e6
    assert floor_on("cpu") > 100 * floor_on("gpu")  # there the bytes, at 1e9 a second, take longer


def test_on_a_gpu_every_model_is_timed_at_growing_batches() -> None:
    assert (plan_of("gpu", False), plan_of("cpu", False)) == (ON_GPU, FULL)
    assert plan_of("gpu", True) is plan_of("cpu", True) is QUICK
    for model in (*plan.MODELS, *TIMED_WHEN_NAMED):
        assert {case.batch for case in batch_cases(ON_GPU, model)} == {50, 512, 4096}
    assert all(not batch_cases(FULL, model) for model in TIMED_WHEN_NAMED)


def test_flags_reach_the_suites(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []

    class Ended:
        returncode, stdout = 0, ""

    def run_group(given: list[str], **settings: Any) -> Any:
        words[:] = given
        return Ended

    monkeypatch.setattr(bench, "run_group", run_group)
    monkeypatch.setattr(bench, "_devices", lambda asked: [asked])
    arguments = [
        "mlp",
        "--device",
        "gpu",
        "--tf32",
        "off",
        "--only",
        "training",
        "--only",
        "batches",
    ]
    assert main(["bench", *arguments, "--json", "/dev/null"]) == 2  # nothing was measured
    assert {"--device=gpu", "--tf32=off", "--model=mlp"} <= set(words)
    assert [word for word in words if word.startswith("benchmarks")] == [
        "benchmarks/test_training.py",
        "benchmarks/test_batch_size.py",
    ]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--tf32", "off"], "--tf32 off: expected --device gpu or all, found --device cpu"),
        (["--profile", "--only", "training"], "--profile: expected no --quick, no --only"),
    ],
)
def test_flags_that_do_not_fit_end_in_one_line(
    arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert found in error and error.count("\n") == 1


def test_each_suite_has_a_name() -> None:
    modules = {path.name for path in (bench.ROOT / "benchmarks").glob("test_*.py")}
    assert modules == set(bench._SUITES.values())
