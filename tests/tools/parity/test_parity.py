"""`pairs parity`: what is recorded and compared, and that each kind of row can fail."""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from large_models import LARGE, large_are_slow
from shared.errors import SuiteError, UsageError
from shared.models import PAIRS
from shared.program.batches import Arrays
from shared.tools.commands import parity
from shared.tools.parity import matrix, measuring, other_processes, recording, report, runtimes
from shared.tools.parity.bounds import bound_of
from shared.tools.parity.matrix import RUNTIMES, Row, row
from shared.tools.parity.measuring import measure
from shared.tools.parity.other_processes import ELSEWHERE
from shared.tools.parity.printed import no_longer_holds, read_results
from shared.tools.parity.recording import (
    Recording,
    Run,
    Seen,
    batches_of,
    parameters_by_update,
    record,
    record_beside,
)
from shared.tools.parity.session import run_of
from shared.tools.parity.watch import Watch
from shared.trace_recorder import Trace, read_trace
from tf115_environment import require_tf115

ROOT = Path(__file__).parents[3]
HERE = [name for name in RUNTIMES if name not in ("tf115", "gpu")]
QUICK = {"linear_regression": 4, "relu_regression": 30, "softmax_regression": 12}
STEPS = {**QUICK, "mlp": 12, "cnn": 3, "embeddings": 20}
WITH_ADAM = [pair.name for pair in PAIRS.values() if len(pair.variants) > 2]


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    parity.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["parity", *arguments])
    return parsed.execute(parsed)


Measured = Callable[[str, str], Row]


def steps_of(name: str, runtime: str) -> int:
    """How many steps `measured` trains: a larger model as many as the printed matrix says."""
    return matrix.steps_of(PAIRS[name], runtime) if name in LARGE else QUICK[name]


@pytest.fixture(scope="module", autouse=True)
def one_process_of_tf115() -> Iterator[None]:
    """TensorFlow 1.15 loads once for all tests of this file."""
    with contextlib.ExitStack() as stack:
        start = functools.cache(lambda: stack.enter_context(other_processes.start_tf115()))
        shared = ELSEWHERE["tf115"]._replace(start=lambda: contextlib.nullcontext(start()))
        with mock.patch.dict(ELSEWHERE, tf115=shared):
            yield


@pytest.fixture(scope="module")
def in_full(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Row]]:
    """Returns the rows of a model as `make parity` measures them; once a model."""
    folder = tmp_path_factory.mktemp("in_full")

    @functools.cache
    def rows(name: str) -> dict[str, Row]:
        found = list(measure([PAIRS[name]], list(RUNTIMES), None, folder))
        return dict(zip(RUNTIMES, found, strict=True))

    return rows


@pytest.fixture(scope="module")
def measured(
    tmp_path_factory: pytest.TempPathFactory, in_full: Callable[[str], dict[str, Row]]
) -> Measured:
    """Returns a model under a runtime of the installed TensorFlow: a short run of a small one."""
    folder = tmp_path_factory.mktemp("parity")

    @functools.cache
    def rows(name: str) -> dict[str, Row]:
        if name in LARGE:
            return in_full(name)
        found = measure([PAIRS[name]], HERE, QUICK[name], folder)
        return dict(zip(HERE, found, strict=True))

    return lambda name, runtime: rows(name)[runtime]


@pytest.mark.parametrize("name", large_are_slow(PAIRS))
@pytest.mark.parametrize("runtime", ["session", "function", "many-steps", "eager"])
def test_the_same_kernels_give_the_same_bits(name: str, runtime: str, measured: Measured) -> None:
    found: Any = measured(name, runtime)
    if runtime == "eager" and PAIRS[name].parity.eager_reorders:
        assert not found.bitwise and found.within_bound
        return
    assert found.bitwise and found.within_bound and found.first_difference is None
    assert (found.bound, found.curve_difference, found.max_ulp) == (0, 0, 0)
    assert found.unrecorded_equal
    stages = ["batch", "logits", "loss", "gradient", "variable"]
    if any(variant.bound for variant in PAIRS[name].variants):  # Adam
        stages.insert(4, "slot")
    steps = steps_of(name, runtime)
    assert found.steps == steps
    assert found.compared == dict.fromkeys(stages, steps)


@pytest.mark.parametrize("name", large_are_slow(WITH_ADAM))
def test_keras_adam_is_bounded_and_not_bitwise(name: str, measured: Measured) -> None:
    found: Any = measured(name, "keras")
    # (1 - beta1) (g - m) against beta1 m + (1 - beta1) g: the first slot is where they part.
    # Where a step makes several updates, the last one's logits see it already.
    has_several = len(parameters_by_update(PAIRS[name].create("tf2_style"))) > 1
    stage = "logits" if has_several else "slot"
    assert found.first_difference["step"] == 1 and found.first_difference["stage"] == stage
    assert not found.bitwise and 0 < found.curve_difference <= found.bound


@pytest.mark.parametrize("name", large_are_slow(PAIRS))
def test_xla_is_bounded_and_not_bitwise(name: str, measured: Measured) -> None:
    found: Any = measured(name, "xla")
    assert not found.bitwise and found.within_bound
    # Sums of 8 products are in the same order; of what follows, the second step shows it.
    assert found.first_difference["step"] == (2 if name == "embeddings" else 1)


@pytest.mark.parametrize("name", [name for name in PAIRS if name not in LARGE])
def test_the_printed_matrix_holds_in_short_runs(name: str, measured: Measured) -> None:
    rows = [measured(name, runtime) for runtime in HERE]
    assert no_longer_holds(read_results()[0], rows) == []


@pytest.mark.slow
@pytest.mark.tf115
@pytest.mark.parametrize("name", PAIRS)
def test_the_printed_matrix_is_found_again(
    name: str, in_full: Callable[[str], dict[str, Row]]
) -> None:
    require_tf115()
    assert no_longer_holds(read_results()[0], list(in_full(name).values())) == []


@pytest.mark.slow
def test_without_a_second_optimizer_the_keras_row_says_why_it_is_skipped(
    measured: Measured,
) -> None:
    assert "no second optimizer" in str(measured("softmax_regression", "keras").skipped)


@pytest.mark.tf115
@pytest.mark.parametrize("name", ["softmax_regression", "embeddings"])
def test_real_tensorflow_1_is_bounded(name: str, tmp_path: Path) -> None:
    require_tf115()
    (found,) = measure([PAIRS[name]], ["tf115"], STEPS[name], tmp_path)
    assert found.curve_difference is not None and found.compared is not None
    assert found.within_bound and found.curve_difference <= bound_of("tf115", PAIRS[name]).limit
    assert set(found.compared.values()) == {found.steps} == {STEPS[name]}


def test_a_missing_tensorflow_1_skips_with_the_reason(tmp_path: Path) -> None:
    assert other_processes.why_no_tf115(tmp_path / "python") == "not installed: make tf115"


@pytest.mark.slow
def test_a_failing_process_is_one_clear_line(tmp_path: Path) -> None:
    with other_processes.start_gpu() as child:
        for _ in range(2):  # it goes on
            with pytest.raises(SuiteError, match=r"a trace of no_such_model, found: KeyError"):
                child.record("gpu", "no_such_model", 1, tmp_path / "x.npz")


def test_a_process_that_fails_beside_others_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"PYTHONHOME": str(tmp_path)}  # without a standard library
    monkeypatch.setattr(
        measuring, "start_here", lambda: other_processes.Child(sys.executable, environment)
    )
    pairs = [PAIRS[name] for name in QUICK]
    with pytest.raises(SuiteError, match=r"expected rows of .*, found: .+"):
        list(measure(pairs, ["session"], 2, tmp_path))


def test_the_models_that_take_longest_begin_first_and_are_models() -> None:
    begun = sorted(PAIRS, key=lambda name: measuring._turn(PAIRS[name]))
    assert tuple(begun[: len(measuring.LONGEST_FIRST)]) == measuring.LONGEST_FIRST


@pytest.mark.slow
def test_models_beside_one_another_have_the_rows_that_each_has_alone(tmp_path: Path) -> None:
    pairs = [PAIRS[name] for name in QUICK]
    together = list(measure(pairs, HERE, 20, tmp_path))
    assert list(tmp_path.iterdir()) == []
    for pair in pairs:
        alone = list(measure([pair], HERE, 20, tmp_path))
        assert [row for row in together if row.model == pair.name] == alone


# ---- recording --------------------------------------------------------------------------------


def recorded(run: Run, name: str, steps: int, path: Path) -> Trace:
    record(run, batches_of(PAIRS[name], run.config), steps, str(path), name, "")
    return read_trace(path)


@pytest.mark.parametrize("runtime", ["session", "function", "many_steps", "eager", "xla"])
def test_the_recorded_gradients_are_those_that_the_update_consumed(
    runtime: str, tmp_path: Path
) -> None:
    pair = PAIRS["softmax_regression"]
    run = getattr(runtimes, runtime)(pair)
    rate = np.float32(run.config.learning_rate)
    with recorded(run, pair.name, 1, tmp_path / "a.npz") as trace:
        for name in ("weights", "biases"):
            gradient, updated = (trace.whole(kind, name, 1) for kind in ("gradient", "variable"))
            assert gradient.any() and np.array_equal(updated, -rate * gradient)  # from zeros


@pytest.mark.parametrize("runtime", ["session", "function", "many_steps"])
def test_every_step_is_recorded_where_steps_do_not_fill_the_last_call(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "CHUNK_STEPS", 5)
    run = getattr(runtimes, runtime)(PAIRS["relu_regression"])
    with recorded(run, "relu_regression", 12, tmp_path / "a.npz") as trace:
        for stage, name in (("batch", "0"), ("gradient", "bias"), ("slot", "bias/m")):
            assert trace.records(stage, name)["step"].tolist() == list(range(1, 13))
        # Each step's own value, not one of another row.
        assert len(np.unique(trace.records("gradient", "bias")["norm"])) == 12
        assert np.array_equal(trace.whole("variable", "bias", 12), run.model.variables()["bias"])


@pytest.mark.parametrize("changed", [False, True])
def test_a_run_beside_others_leaves_the_trace_that_it_leaves_alone(
    changed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = PAIRS["relu_regression"]
    monkeypatch.setattr(recording, "CHUNK_STEPS", 4)  # fewer a call than many_steps has
    if changed:
        update = Watch.update
        monkeypatch.setattr(
            Watch, "update", lambda self, gradients: update(self, [2 * g for g in gradients])
        )
    steps = {"session": 9, "function": 9, "eager": 6, "many_steps": 9}

    def recordings(folder: str) -> list[Recording]:
        (tmp_path / folder).mkdir()
        runs = {runtime: getattr(runtimes, runtime)(pair) for runtime in steps}
        return [
            Recording(
                made,
                batches_of(pair, made.config),
                steps[runtime],
                f"{tmp_path / folder / runtime}",
                "",
            )
            for runtime, made in runs.items()
        ]

    record_beside(recordings("beside"), pair.name)
    for each in recordings("alone"):
        record_beside([each], pair.name)
    for runtime in steps:
        beside, alone = (tmp_path / folder / runtime for folder in ("beside", "alone"))
        assert beside.read_bytes() == alone.read_bytes(), runtime
    with read_trace(tmp_path / "beside/session") as a, read_trace(tmp_path / "beside/eager") as b:
        assert row(pair, "eager", a, b).bitwise != changed


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("relu_regression", "keras"),
        ("relu_regression", "xla"),
        pytest.param("cnn", "keras", marks=pytest.mark.slow),
        pytest.param("cnn", "xla", marks=pytest.mark.slow),
    ],
)
def test_the_watch_changes_no_bit_of_bounded_runs_either(
    name: str, runtime: str, tmp_path: Path
) -> None:
    pair = PAIRS[name]
    path = tmp_path / "recorded.npz"
    record_beside([measuring._recording(runtime, pair, STEPS[name], path)], name)
    with read_trace(path) as trace:
        assert measuring._is_same_unrecorded(runtime, pair, trace)


def test_a_watch_that_changes_a_bit_is_beyond_every_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = Watch.update

    def changed(self: Watch, gradients: list[Any]) -> None:
        update(self, [gradient * (1 + 2**-20) for gradient in gradients])

    monkeypatch.setattr(Watch, "update", changed)
    found = next(measure([PAIRS["softmax_regression"]], ["function"], 3, tmp_path))
    assert found.is_broken and found.unrecorded_equal is False


@pytest.mark.slow
def test_the_batches_are_those_of_the_style_files(tmp_path: Path) -> None:
    for name in ("linear_regression", "relu_regression", "softmax_regression", "mlp"):
        pair = PAIRS[name]
        module = pair.module("tf1_style")
        script = tmp_path / "script.npz"
        checkpoints = str(tmp_path / name)
        module.PROGRAM.train(module.Config(steps=3, checkpoint_dir=checkpoints, trace=str(script)))
        with (
            read_trace(script) as a,
            recorded(runtimes.session(pair), name, 3, tmp_path / "a.npz") as b,
        ):
            assert row(pair, "session", a, b).bitwise


# ---- rows that must fail ----------------------------------------------------------------------


def broken_row(tmp_path: Path, name: str, runtime: str, change: Callable[[Run], Run]) -> Any:
    """The `Row` of a candidate that `change` breaks."""
    pair = PAIRS[name]
    with (
        recorded(runtimes.session(pair), name, 12, tmp_path / "a.npz") as a,
        recorded(change(runtimes.session(pair)), name, 12, tmp_path / "b.npz") as b,
    ):
        return row(pair, runtime, a, b)


def one_percent_faster(run: Run) -> Run:
    pair = PAIRS["softmax_regression"]
    return run_of(pair.create("tf1_style", learning_rate=run.config.learning_rate * 1.01))


@pytest.mark.parametrize("runtime", ["session", "xla", "tf115"])
def test_a_learning_rate_one_percent_off_is_beyond_every_bound(
    runtime: str, tmp_path: Path
) -> None:
    found = broken_row(tmp_path, "softmax_regression", runtime, one_percent_faster)
    assert found.is_broken
    assert found.first_difference == {"step": 1, "stage": "variable", "tensor": "weights"}


@pytest.mark.parametrize("stage", ["gradient", "variable"])
def test_one_bit_of_one_step_in_the_middle_is_found_there(stage: str, tmp_path: Path) -> None:
    def one_bit(run: Run) -> Run:
        def watch(inputs: Arrays, steps: int) -> Callable[[], Seen]:
            seen_since = run.watch(inputs, steps)

            def seen() -> Seen:
                found = seen_since()
                found[stage]["biases"][6] = np.nextafter(found[stage]["biases"][6], np.float32(9))
                return found

            return seen

        return run._replace(watch=watch)

    found = broken_row(tmp_path, "softmax_regression", "function", one_bit)
    assert found.is_broken and found.curve_difference == 0
    assert found.first_difference == {"step": 7, "stage": stage, "tensor": "biases"}


@pytest.mark.parametrize("runtime", ["session", "xla"])
def test_other_batches_and_nan_are_beyond_every_bound(runtime: str, tmp_path: Path) -> None:
    def shifted(run: Run) -> Run:
        return run._replace(config=PAIRS["softmax_regression"].module("tf1_style").Config(seed=1))

    found = broken_row(tmp_path, "softmax_regression", runtime, shifted)
    assert found.is_broken and found.first_difference["stage"] == "batch"

    def nan(run: Run) -> Run:
        def train_steps(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
            return run.train_steps(inputs, targets) * np.float32(np.nan)

        return run._replace(train_steps=train_steps)

    found = broken_row(tmp_path, "softmax_regression", runtime, nan)
    assert found.is_broken
    assert found.to_json()["curve_difference"] == "inf"


def test_another_start_is_beyond_every_bound_however_small(tmp_path: Path) -> None:
    def start(run: Run) -> Run:
        next_to = float(np.nextafter(np.float32(run.config.initial_weight), np.float32(1)))
        return run_of(PAIRS["relu_regression"].create("tf1_style", initial_weight=next_to))

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
    assert "bitwise equal" in printed and "compared at every step: batch, logits, loss" in printed
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


def test_a_broken_row_makes_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    session = runtimes.session

    def seeded_otherwise(pair: Any) -> Any:
        return session(pair)._replace(config=pair.module("tf1_style").Config(seed=1))

    monkeypatch.setattr(runtimes, "function", seeded_otherwise)
    assert run("linear_regression", "--runtime", "function", "--steps", "2") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such"], "MODEL: expected one of"),
        (["--runtime", "jax"], "--runtime: expected one of session, .*; found 'jax'"),
        (
            ["--json", "/no/such/folder/x.json"],
            "--json .*x.json: cannot write: expected",
        ),
    ],
)
def test_bad_arguments_are_refused_before_training(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(*arguments)


def test_every_runtime_has_a_bound_with_a_reason() -> None:
    for pair in PAIRS.values():
        for runtime in RUNTIMES:
            assert bound_of(runtime, pair).reason


def test_a_difference_beyond_its_bound_says_so() -> None:
    found = Row("cnn", "", "XLA", steps=3, bitwise=False, curve_difference=0.25, bound=0.0)
    assert report.result(found) == "2e-01, bound equal bits"
    assert found.is_broken
