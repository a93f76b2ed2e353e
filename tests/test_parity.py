"""`pairs parity`: what is recorded and compared, and that each kind of row can fail."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shared.quiet  # noqa: F401  before TensorFlow is imported
from shared.commands import parity
from shared.errors import SuiteError, UsageError
from shared.models import PAIRS
from shared.parity import matrix, other_processes, report, runtimes
from shared.parity.bounds import bound_of
from shared.parity.matrix import RUNTIMES, Row, row, rows_of
from shared.parity.recording import Execution, batches_of, pieces, record
from shared.trace import read_trace
from tf115_environment import require_tf115

ROOT = Path(__file__).parents[1]
HERE = [name for name in RUNTIMES if name not in ("tf115", "gpu")]
QUICK = {
    "linear_regression": 4,
    "relu_regression": 30,
    "softmax_regression": 12,
    "mlp": 12,
    "cnn": 3,
}
WITH_ADAM = [pair.name for pair in PAIRS.values() if len(pair.variants) > 2]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    parity.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["parity", *arguments])
    return parsed.execute(parsed)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Row]:
    """A short run of every model under every runtime of the installed TensorFlow."""
    folder = tmp_path_factory.mktemp("parity")
    return {
        (name, runtime): found
        for name, pair in PAIRS.items()
        for runtime, found in zip(HERE, rows_of(pair, HERE, QUICK[name], folder), strict=True)
    }


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("runtime", ["session", "function", "many-steps", "eager"])
def test_the_same_kernels_give_the_same_bits(name: str, runtime: str, measured: Any) -> None:
    found = measured[name, runtime]
    assert found.bitwise and found.within_bound and found.first_difference is None
    assert (found.bound, found.curve_difference, found.max_ulp) == (0, 0, 0)
    assert found.steps == QUICK[name]
    expected = {"batch", "logits", "loss", "gradient", "variable"}
    has_slots = any(variant.bound for variant in PAIRS[name].variants)
    assert set(found.compared) == expected | ({"slot"} if has_slots else set())


@pytest.mark.parametrize("name", WITH_ADAM)
def test_keras_adam_is_bounded_and_not_bitwise(name: str, measured: Any) -> None:
    found = measured[name, "keras"]
    # (1 - beta1) (g - m) against beta1 m + (1 - beta1) g: the first slot is where they part.
    assert found.first_difference["step"] == 1 and found.first_difference["stage"] == "slot"
    assert not found.bitwise and 0 < found.curve_difference <= found.bound


@pytest.mark.parametrize("name", PAIRS)
def test_xla_is_bounded_and_not_bitwise(name: str, measured: Any) -> None:
    found = measured[name, "xla"]
    assert not found.bitwise and found.within_bound
    assert found.first_difference["step"] == 1


def test_without_adam_the_keras_row_says_why_it_is_skipped(measured: Any) -> None:
    assert "no Adam" in measured["softmax_regression", "keras"].skipped


@pytest.mark.tf115
@pytest.mark.parametrize("name", ["linear_regression", "softmax_regression", "mlp"])
def test_real_tensorflow_1_is_bounded(name: str, tmp_path: Path) -> None:
    require_tf115()
    found: Any = next(rows_of(PAIRS[name], ["tf115"], QUICK[name], tmp_path))
    assert found.within_bound and found.curve_difference <= bound_of("tf115", PAIRS[name]).limit
    assert found.steps == QUICK[name] == found.compared["loss"]


def test_a_missing_tensorflow_1_skips_with_the_reason(tmp_path: Path) -> None:
    assert other_processes.why_no_tf115(tmp_path / "python") == "not installed: make tf115"


def test_a_failing_process_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"expected a trace of no_such_model, found: KeyError"):
        other_processes.record_on_gpu("no_such_model", 1, str(tmp_path / "x.npz"))


# ---- recording --------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 11, 99, 100, 10_000])
def test_pieces_cover_every_step_once(steps: int) -> None:
    found = pieces(steps)
    assert [step for piece in found for step in piece] == list(range(steps))
    assert found[0] == range(1) and found[-1] == range(steps - 1, steps)
    assert len(found) <= 15


def test_gradients_and_variables_are_recorded_where_the_docstring_says(tmp_path: Path) -> None:
    pair = PAIRS["relu_regression"]
    config, execution = runtimes.session(pair)
    record(execution, batches_of(pair, config), 12, str(tmp_path / "a.npz"), pair.name, "session")
    with read_trace(tmp_path / "a.npz") as trace:
        assert trace.steps.tolist() == list(range(1, 13))
        assert trace.records("batch", "0")["step"].tolist() == list(range(1, 13))
        assert trace.records("gradient", "bias")["step"].tolist() == [1, 2, 3, 6, 11, 12]
        assert trace.records("variable", "bias")["step"].tolist() == [1, 2, 5, 10, 11, 12]


def test_the_batches_are_those_of_the_style_files(tmp_path: Path) -> None:
    for name in ("linear_regression", "relu_regression", "softmax_regression", "mlp"):
        pair = PAIRS[name]
        module = pair.module("tf1_style")
        script = tmp_path / "script.npz"
        checkpoints = str(tmp_path / name)
        module.train(module.Config(steps=3, checkpoint_dir=checkpoints, trace=str(script)))
        config, execution = runtimes.session(pair)
        record(execution, batches_of(pair, config), 3, str(tmp_path / "a.npz"), name, "session")
        with read_trace(script) as a, read_trace(tmp_path / "a.npz") as b:
            assert row(pair, "session", a, b).bitwise


# ---- rows that must fail ----------------------------------------------------------------------


def broken_row(tmp_path: Path, name: str, runtime: str, change: Callable[[Any], Any]) -> Any:
    """The `Row` of a candidate whose model or execution `change` breaks."""
    pair, paths = PAIRS[name], (tmp_path / "a.npz", tmp_path / "b.npz")
    for path, is_broken in zip(paths, (False, True), strict=True):
        config, execution = runtimes.session(pair)
        if is_broken:
            config, execution = change((config, execution))
        record(execution, batches_of(pair, config), 12, str(path), name, runtime)
    with read_trace(paths[0]) as a, read_trace(paths[1]) as b:
        return row(pair, runtime, a, b)


def one_percent_faster(made: tuple[Any, Execution]) -> tuple[Any, Execution]:
    module = PAIRS["softmax_regression"].module("tf1_style")
    config = module.Config(learning_rate=made[0].learning_rate * 1.01)
    model = module.SoftmaxRegression(config)
    return config, runtimes.own_execution(model)


@pytest.mark.parametrize("runtime", ["session", "xla", "tf115"])
def test_a_learning_rate_one_percent_off_is_beyond_every_bound(
    runtime: str, tmp_path: Path
) -> None:
    found = broken_row(tmp_path, "softmax_regression", runtime, one_percent_faster)
    assert found.is_broken
    assert found.first_difference == {"step": 1, "stage": "variable", "tensor": "weights"}


@pytest.mark.parametrize("runtime", ["session", "xla"])
def test_other_batches_and_nan_are_beyond_every_bound(runtime: str, tmp_path: Path) -> None:
    def shifted(made: tuple[Any, Execution]) -> tuple[Any, Execution]:
        return PAIRS["softmax_regression"].module("tf1_style").Config(seed=1), made[1]

    found = broken_row(tmp_path, "softmax_regression", runtime, shifted)
    assert found.is_broken and found.first_difference["stage"] == "batch"

    def nan(made: tuple[Any, Execution]) -> tuple[Any, Execution]:
        def train_steps(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
            return np.where(True, np.float32(np.nan), made[1].train_steps(inputs, targets))

        return made[0], made[1]._replace(train_steps=train_steps)

    found = broken_row(tmp_path, "softmax_regression", runtime, nan)
    assert found.is_broken
    assert found.to_json()["curve_difference"] == "inf"


def test_another_start_is_beyond_every_bound_however_small(tmp_path: Path) -> None:
    def start(made: tuple[Any, Execution]) -> tuple[Any, Execution]:
        module = PAIRS["relu_regression"].module("tf1_style")
        config = module.Config(initial_weight=float(np.nextafter(np.float32(0.5), 1)))
        return config, runtimes.own_execution(module.ReluRegression(config))

    found = broken_row(tmp_path, "relu_regression", "xla", start)
    assert found.curve_difference <= found.bound  # by its losses it would pass
    assert found.is_broken and found.first_difference["stage"] == "initial"


# ---- the command ------------------------------------------------------------------------------


def test_the_command_prints_within_80_columns_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "rows.json"
    flags = ["--runtime", "xla", "--runtime", "function", "--runtime", "keras", "--steps", "5"]
    assert run("linear_regression", *flags, "--json", str(file)) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    assert "bitwise equal" in printed and "steps compared: batch 5" in printed
    rows = json.loads(file.read_text())["rows"]
    assert [found["candidate"] for found in rows] == [
        RUNTIMES[name] for name in ("function", "keras", "xla")
    ]
    assert rows[0]["bitwise"] is True and rows[0]["first_difference"] is None
    assert rows[2]["first_difference"].keys() == {"step", "stage", "tensor"}
    assert rows[1]["skipped"] and rows[1]["steps"] is None
    expected = {"model", "reference", "candidate", "steps", "bitwise", "max_ulp", "bound"}
    expected |= {"max_relative_l2", "first_difference", "within_bound", "skipped"}
    assert expected <= rows[0].keys()


def test_markdown_is_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("linear_regression", "--runtime", "session", "--steps", "2", "--markdown") == 0
    assert capsys.readouterr().out.splitlines() == [
        "| runtime | linear_regression |",
        "|---|---|",
        "| Session again | bitwise, 2 steps |",
    ]


def test_a_broken_row_makes_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    session = runtimes.session

    def seeded_otherwise(pair: Any) -> Any:
        config = pair.module("tf1_style").Config(seed=1)
        return config, session(pair)[1]

    monkeypatch.setattr(runtimes, "function", seeded_otherwise)
    assert run("linear_regression", "--runtime", "function", "--steps", "2") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such"], "MODEL: expected one of"),
        (["--runtime", "jax"], "--runtime: expected one of session, .*; found 'jax'"),
        (["--json", "/no/such/folder/x.json"], "--json /no/such/folder/x.json: expected"),
    ],
)
def test_bad_arguments_are_refused_before_training(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments)


def test_every_runtime_has_a_bound_with_a_reason() -> None:
    for pair in PAIRS.values():
        for runtime in RUNTIMES:
            assert bound_of(runtime, pair).reason
    assert set(matrix.DEFAULT_STEPS) == set(PAIRS)


def test_a_difference_beyond_its_bound_says_so() -> None:
    found = Row("cnn", "", "XLA", steps=3, bitwise=False, curve_difference=0.25, bound=0.0)
    assert report.result(found) == "2e-01, bound equal bits"
    assert found.is_broken
