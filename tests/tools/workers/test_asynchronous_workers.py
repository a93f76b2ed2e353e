"""Workers that do not wait: each batch is trained on once, and kills cost no more than is said."""

from __future__ import annotations

import functools
import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from asynchronous_twins import RATE, STEPS, STRETCH
from clusters import run_module as run
from shared.tools.workers.cluster import Task, on_loopback
from simulated_workers import losses_of_interleavings
from tf115_environment import require_tf115

STYLES = ("tf1_style", "tf2_style")
QUICK, BROKEN = "alone,one,two,counting", "doubled,all_train_on_all"
MORE = {
    "tf1_style": f"{BROKEN},nobody_waits,killed,never_comes",
    "tf2_style": f"{BROKEN},killed,chief_killed,restarted,never_comes",
}


@functools.cache
def quick(style: str) -> dict[str, Any]:
    """Returns the numbers of one style, by scenario."""
    scenarios = json.loads(run("asynchronous_twins", style, "--only", QUICK))
    return {"style": style, **scenarios}


@pytest.fixture(params=[pytest.param("tf1_style", marks=pytest.mark.slow), "tf2_style"])
def found(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The numbers of one style, by scenario."""
    return quick(request.param)


@pytest.fixture(scope="module", params=STYLES)
def more(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The numbers of broken twins, and of killed processes."""
    only = MORE[request.param]
    scenarios = json.loads(run("asynchronous_twins", request.param, "--only", only, timeout=480))
    return {"style": request.param, **scenarios}


def interleaved(style: str) -> tuple[float, float]:
    """Returns the least and the greatest loss at the end that two workers may come to."""
    return losses_of_interleavings(style == "tf1_style", STRETCH, RATE)


def test_one_worker_is_plain_gradient_descent_to_the_last_bit(found: dict[str, Any]) -> None:
    assert found["one"]["bits"] == found["alone"]["bits"]
    assert found["one"]["losses"] == found["alone"]["losses"]
    assert len(found["one"]["losses"]) == STEPS


def test_one_worker_has_the_same_bits_in_both_styles() -> None:
    assert quick("tf1_style")["one"] | {"iterations": 0} == quick("tf2_style")["one"] | {
        "iterations": 0  # of a Keras optimizer alone
    }


def test_two_workers_end_in_the_range_of_interleavings(found: dict[str, Any]) -> None:
    least, greatest = interleaved(found["style"])
    assert least < found["two"]["loss"] < greatest


def test_each_batch_is_trained_on_once(found: dict[str, Any]) -> None:
    assert found["counting"]["counts"] == [1.0] * STEPS
    assert found["counting"]["step"] == found["two"]["step"] == STEPS


def test_keras_counts_iterations_without_a_lock() -> None:
    # When this fails, Keras counts by one operation, and the pages must not warn of it any more.
    import tensorflow as tf

    optimizer = tf.keras.optimizers.SGD(0.5)
    weight = tf.Variable(1.0)
    optimizer.build([weight])
    update = tf.function(lambda: optimizer.apply_gradients([(tf.constant(1.0), weight)]))
    kinds = [operation.type for operation in update.get_concrete_function().graph.get_operations()]
    assert kinds.count("AssignSubVariableOp") == 1  # the weight, in one operation
    assert kinds.count("AssignVariableOp") == 1  # the iterations, read before
    assert "AssignAddVariableOp" not in kinds


@pytest.mark.slow
def test_a_gradient_that_counts_twice_ends_outside_of_the_range(more: dict[str, Any]) -> None:
    assert more["doubled"]["loss"] < interleaved(more["style"])[0]


@pytest.mark.slow
def test_batches_that_are_trained_on_twice_are_found(more: dict[str, Any]) -> None:
    assert more["all_train_on_all"]["counts"] == [2.0] * STEPS
    assert more["all_train_on_all"]["step"] == 2 * STEPS


@pytest.mark.slow
def test_a_chief_that_does_not_wait_saves_half_of_a_stretch(more: dict[str, Any]) -> None:
    if more["style"] == "tf2_style":
        assert "nobody_waits" not in more  # there, the losses come from the workers
        return
    # Of the last stretch, there is what the chief did.
    assert more["nobody_waits"]["counts"] == [1.0] * STRETCH + [1.0, 0.0] * (STRETCH // 2)
    assert more["nobody_waits"]["step"] == STEPS - STRETCH // 2


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["killed", "chief_killed"])
def test_a_killed_run_goes_on_where_it_was_saved(victim: str, more: dict[str, Any]) -> None:
    if victim not in more:
        assert victim == "chief_killed"  # TensorFlow 1's chief is a worker
        return
    run = more[victim]
    assert re.fullmatch(
        r"(worker 1|chief 0): expected to finish, found that SIGKILL ended it", run["error"]
    )
    assert run["resumed"] > 0 and run["resumed"] % STRETCH == 0
    assert run["counts"] == [1.0] * (5 * STRETCH)
    assert run["left"] == []


@pytest.mark.slow
def test_a_worker_that_never_comes_ends_the_others(more: dict[str, Any]) -> None:
    run = more["never_comes"]
    assert re.search(r"^(worker|chief) 0: expected .+ within 4 s, found that not all", run["error"])
    assert 4 <= run["seconds"] < 60
    assert run["left"] == []


@pytest.mark.slow
def test_a_worker_that_is_started_again_goes_on(more: dict[str, Any]) -> None:
    if "restarted" not in more:
        assert "chief_killed" not in more  # TensorFlow 1 has no coordinator
        return
    run = more["restarted"]
    counts = np.array(run["counts"])
    assert run["killed"] and run["left"] == []
    # What the killed worker had in hand is run again, and may have been applied before.
    assert set(counts) <= {1.0, 2.0}
    assert np.sum(counts == 2) <= 1


@pytest.mark.slow
@pytest.mark.tf115
def test_two_workers_of_real_tensorflow_1_end_in_the_range(tmp_path: Path) -> None:
    require_tf115()
    flags = ["--steps", str(STEPS), "--report-every", str(STRETCH), "--learning-rate", str(RATE)]
    flags += ["--checkpoint-dir", str(tmp_path / "saved")]
    start = ["workers", "asynchronous_workers", "--style", "tf1_style", "--runtime", "tf1.15", "--"]
    printed = run("shared.tools.commands", *start, *flags)
    assert f"worker 0: step {STEPS} of {STEPS}" in printed
    (loss,) = re.findall(r"^worker 0: loss +([\d.]+)$", printed, re.MULTILINE)
    least, greatest = interleaved("tf1_style")
    assert least < float(loss) < greatest


NO_ORDER = "expected none, for asynchronous steps have no order; found"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "server"])
@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("--trace", "t.npz", f"--trace: {NO_ORDER} t.npz"),
        ("--trace-every", "2", f"--trace-every: {NO_ORDER} 2"),
        ("--trace-steps", "3,5", f"--trace-steps: {NO_ORDER} 3,5"),
        (
            "--log-dir",
            "logs",
            "--log-dir: expected none in a program of several workers; found logs",
        ),
    ],
)
def test_a_flag_that_it_cannot_serve_is_refused_in_one_line(
    flag: str,
    value: str,
    message: str,
    alone: bool,
    style: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    cluster = on_loopback(style, 2, 1, pair="asynchronous_workers")
    if alone:
        monkeypatch.delenv("TF_CONFIG", raising=False)
    else:  # which would serve for ever
        monkeypatch.setenv("TF_CONFIG", cluster.tf_config(Task("ps", 0)))
    program = importlib.import_module(f"{style}.asynchronous_workers").PROGRAM
    assert program.main(["train", "--checkpoint-dir", "saved", flag, value]) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_launcher_hands_a_refused_flag_on() -> None:
    command = [sys.executable, "-m", "shared.tools.commands", "workers", "asynchronous_workers"]
    done = subprocess.run(
        [*command, "--style", "tf1_style", "--workers", "1", "--", "--trace", "t.npz"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert re.fullmatch(rf"error: (ps|worker|chief) 0: --trace: {NO_ORDER} t\.npz\n", done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_killed_again_and_again_each_batch_counts_once(style: str) -> None:
    flags = ["--pair", "asynchronous_workers", "--style", style, "--kills", "3"]
    printed = run("torture.workers", *flags)
    assert f"asynchronous_workers, {style}: 3 kills (" in printed
    assert "; 0 wrong; all processes ended at most " in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("twin", "style", "problem"),
    [
        ("all_train_on_all", "tf2_style", r"at step 40, batch 0 was counted 2 times"),
        ("doubled", "tf1_style", r"ended with \d\.\d+, not in \d\.\d+ to \d\.\d+"),
    ],
    ids=["each batch twice", "each gradient twice"],
)
def test_kills_of_broken_workers_are_told_wrong(twin: str, style: str, problem: str) -> None:
    flags = ["--pair", "asynchronous_workers", "--style", style, "--kills", "1", "--twin", twin]
    printed = run("torture.workers", *flags, expected=1)
    assert re.search(rf"^{twin}, .*: {problem}$", printed, re.MULTILINE), printed
    assert "; 0 wrong" not in printed
