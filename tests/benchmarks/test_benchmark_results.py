"""What is computed from measured times: order, ratios, floors, files, report, comparison."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import readme
from benchmarks.clock import Running, seconds_of
from benchmarks.compare_results import changes, print_comparison
from benchmarks.counts import (
    COUNTS,
    adversarial,
    cnn,
    embeddings,
    recurrent_network,
    residual_network,
    softmax_regression,
)
from benchmarks.interleave import interleave, repetitions
from benchmarks.limits import MOVED_BYTES, OPERATIONS
from benchmarks.models_and_batches import SETUPS, make_workload
from benchmarks.pictures import draw_all
from benchmarks.plan import FULL, MODELS, batch_cases, other_cases, training_cases
from benchmarks.processes import Timed
from benchmarks.profile_report import write_profiles
from benchmarks.replay import ReplayedClock
from benchmarks.report import bar, crossing_lines, gpu_lines, print_report
from benchmarks.results import (
    Result,
    Row,
    duration,
    from_pytest_benchmark,
    joined,
    ratio,
    read_result,
    short,
    write_result,
)
from shared.errors import DataError, UsageError
from shared.models import PAIRS, TIMED_WHEN_NAMED
from shared.tools.child_process import ROOT
from shared.tools.commands import bench, main

ABOUT: dict[str, Any] = {
    "format": 1,
    "command": "pairs bench",
    "quick": False,
    "finished": "2026-01-02",
    "machine": {"processor": "a processor", "cores": 2, "cache_bytes": 0, "memory_gib": 8},
    "versions": {"python": "3.11", "tensorflow": "2.21.0"},
    "conditions": {"cpu": {"intra_op_threads": 2}},
}


def row(runtime: str, *seconds: float, **fields: Any) -> Row:
    given = {"model": "softmax_regression", "task": "train", "device": "cpu", "batch": 50}
    return Row(runtime=runtime, seconds=seconds, **{**given, **fields})


def result(*rows: Row) -> Result:
    return Result(ABOUT, rows)


def fixture_result() -> Result:
    limits = [
        row("product-tensorflow", *[OPERATIONS["cpu"] / 1e11] * 3),
        row("product-numpy", *[OPERATIONS["cpu"] / 5e10] * 3),
        row("copy", *[MOVED_BYTES["cpu"] / 1e10] * 3),
    ]
    runtimes = [
        row("session-feed", 2e-4, 4e-4, 2e-4),
        row("many-steps", 1e-4, 1e-4, 5e-5),
        row("eager", 2e-3, 2e-3, 2e-3),
    ]
    by_batch = [
        row(runtime, seconds * (0.5 + batch / 100), task="train by batch", batch=batch)
        for batch in (1, 64, 1024)
        for runtime, seconds in (("session-feed", 2e-4), ("many-steps", 1e-4 if batch < 99 else 1))
    ]
    others = [
        row("session-feed", 1e-4, task="predict", p99=3e-4),
        row("function", 2e-4, task="predict", p99=9e-4),
        row("many-steps", 1e-5, task="length", batch=None, steps=1000, rss_growth=2**20),
    ]
    return result(*limits, *runtimes, *by_batch, *others)


# --- Order and clock ---


def noted(name: str, notes: list[str], steps_per_repetition: int = 1) -> Timed:
    def seconds(count: int) -> float:
        notes.append(name)
        return 0.01 * count

    return Timed(steps_per_repetition, seconds, lambda count: [0.01] * count, dict, lambda: None)


def test_runtimes_are_interleaved_after_a_warm_up_of_each() -> None:
    notes: list[str] = []
    timed = {name: noted(name, notes) for name in "abc"}
    times = interleave(timed, rounds=3, seconds=0.01, pause=0)
    assert "".join(notes[-9:]) == "abcabcabc"
    assert "".join(notes[:-9]) == "aabbcc"  # once to trace and compile, once to see how long
    assert times == {name: [pytest.approx(0.01)] * 3 for name in "abc"}


def test_times_are_those_of_one_step() -> None:
    timed = {"a": noted("a", [], steps_per_repetition=100)}
    times = interleave(timed, rounds=2, seconds=0.05, pause=0)
    assert times["a"] == [pytest.approx(0.01 / 100)] * 2


def test_a_round_takes_about_as_long_as_asked() -> None:
    count, one = repetitions(noted("a", []), seconds=0.5)
    assert count == 50
    assert one == pytest.approx(0.01)


def test_a_very_slow_runtime_is_timed_in_fewer_rounds() -> None:
    slow = Timed(1, lambda count: 5.0 * count, lambda count: [], dict, lambda: None)
    times = interleave({"slow": slow, "a": noted("a", [])}, rounds=4, seconds=0.01, pause=0)
    assert {name: len(rounds) for name, rounds in times.items()} == {"slow": 2, "a": 4}


def test_no_garbage_is_collected_while_the_clock_runs() -> None:
    import gc

    seen: list[bool] = []
    running = Running(1, lambda count: seen.append(gc.isenabled()), dict)
    seconds_of(running, 1)
    assert (seen, gc.isenabled()) == ([False], True)


def test_the_clock_shows_recorded_times_and_then_runs_on() -> None:
    clock = ReplayedClock()
    clock.replay([0.5, 0.25])
    assert [clock() for _ in range(4)] == [0.0, 0.5, 0.0, 0.25]
    assert clock() < clock()


REPLAYING = """
import pytest
from benchmarks.replay import CLOCK

@pytest.mark.benchmark(timer=CLOCK)
def test_runtime(benchmark):
    CLOCK.replay([0.5, 0.25])
    benchmark.pedantic(lambda: None, rounds=2)
"""


@pytest.mark.slow
def test_pytest_benchmark_reports_the_times_that_were_measured(tmp_path: Path) -> None:
    # In a process of its own that knows nothing of pytest-xdist, under which pytest-benchmark
    # measures nothing.
    alone = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    (tmp_path / "test_replay.py").write_text(REPLAYING)
    path = tmp_path / "benchmarks.json"
    words = ["-m", "pytest", str(tmp_path), f"--benchmark-json={path}", "-p", "no:cacheprovider"]
    subprocess.run([sys.executable, *words], cwd=ROOT, env=alone, check=True, capture_output=True)
    (found,) = json.loads(path.read_text())["benchmarks"]
    assert found["stats"]["data"] == [0.5, 0.25]


# --- Ratios and floors ---


def test_a_ratio_pairs_the_rounds() -> None:
    assert ratio((2.0, 9.0, 4.0), (1.0, 3.0, 4.0)) == (2.0, 1.0, 3.0)
    # Not the ratio of medians, which pairs rounds that were not side by side: 4 / 3.
    assert ratio((2.0, 9.0, 4.0), (1.0, 3.0, 4.0)).median != 4 / 3


def test_speed_is_relative_to_the_session_of_the_same_rounds() -> None:
    found = fixture_result()
    (many,) = [one for one in found.select("train") if one.runtime == "many-steps"]
    assert found.speed_ratio(many) == (4.0, 2.0, 4.0)
    assert result(many).speed_ratio(many) is None


def test_counts_by_hand() -> None:
    # 2 products of 50 x 784 x 10.
    assert softmax_regression(50).operations == 2 * 2 * 50 * 784 * 10
    count = cnn(50)
    assert count.operations == pytest.approx(4.1e9, rel=0.01)
    assert count.bytes == pytest.approx(130e6, rel=0.02)
    # The parameters of the CNN: 3,274,634 by the style file; Adam keeps three copies.
    assert count.held == 4 * (3 * 3_274_634 + 50 * 794)


def test_counts_by_layer() -> None:
    # Rows, inputs, outputs of each layer, and how many products of that size a step makes of it.
    convolutions = [(196, 9, 8, 2), (196, 72, 8, 3), (196, 72, 8, 3)]  # the first is of the images
    convolutions += [(49, 72, 32, 3), (49, 288, 32, 3), (49, 8, 32, 3), (1, 32, 10, 3)]
    assert residual_network(50).operations == 50 * products(convolutions)
    # Of the last two products of the cell one gives the gradient of the kernel, one of the state.
    assert recurrent_network(50).operations == 50 * products(
        [(20, 92, 256, 2), (20, 256, 64, 1), (1, 64, 10, 3)]
    )
    generator = [(1, 32, 128, 2), (1, 128, 784, 3)]
    discriminator = [(2, 784, 128, 3), (1, 128, 784, 1), (2, 128, 1, 5)]
    assert adversarial(50).operations == 50 * products(generator + discriminator)
    assert embeddings(64) == (2 * 64 * 8, 4 * (5 * 64 + 6 * 2_340), 4 * (5 * 64 + 3 * 2_340))


def products(layers: list[tuple[int, int, int, int]]) -> int:
    return sum(2 * rows * inputs * outputs * times for rows, inputs, outputs, times in layers)


@pytest.mark.parametrize("model", COUNTS)
def test_counts_are_of_the_models_parameters(model: str) -> None:
    workload = make_workload(model, steps=1)
    parameters = workload.create("tf2_style").parameters.values()
    copies = 1 if SETUPS[model].rule == "sgd" else 3  # two slots, or a slot and an average
    held = 4 * copies * sum(int(np.prod(each.shape)) for each in parameters)
    assert COUNTS[model](workload.batch).held == held + sum(a.nbytes for a in workload.arrays)


@pytest.mark.parametrize("model", COUNTS)
def test_operations_grow_with_the_batch_and_parameters_do_not(model: str) -> None:
    one, two, four = (COUNTS[model](batch) for batch in (1, 2, 4))
    assert four.operations == 2 * two.operations == 4 * one.operations
    assert four.bytes - two.bytes == 2 * (two.bytes - one.bytes) > 0


def test_the_floor_is_the_slower_of_computing_and_moving() -> None:
    count = softmax_regression(50)
    assert count.floor(1e-11, 0, cache=0) == count.operations * 1e-11
    assert count.floor(0, 1e-10, cache=0) == count.bytes * 1e-10
    assert count.floor(0, 1e-10, cache=count.held) == 0  # stays in the cache: nothing is moved


def test_the_floor_takes_the_fastest_product_of_each_round() -> None:
    found = fixture_result()
    (many,) = [one for one in found.select("train") if one.runtime == "many-steps"]
    count = softmax_regression(50)
    expected = max(count.operations / 1e11, count.bytes / 1e10)
    assert found.floor(many) == pytest.approx([expected] * 3)
    assert found.over_floor(many) == pytest.approx(
        (1e-4 / expected, 5e-5 / expected, 1e-4 / expected)
    )


def test_rows_without_limits_have_no_floor() -> None:
    only = row("many-steps", 1.0)
    assert result(only).over_floor(only) is None


# --- Files ---


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(fixture_result(), path)
    found = read_result(path)
    assert found.rows == fixture_result().rows
    assert found.about == ABOUT
    first = json.loads(path.read_text())["rows"][0]
    # The keys are those of older files.
    assert list(first) == ["model", "work", "way", "device", "batch", "seconds"]
    assert first["way"] == "product-tensorflow"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[", "JSON"),
        ("[]", "format None"),
        ('{"format": 7}', "format 7"),
        ('{"format": 1}', "no machine, versions, conditions, rows in the file"),
        ("[" * 100_000, "deep nesting"),
        ('{"format": ' + "9" * 400 + "}", "format 9999"),
        ('{"format": ' + "9" * 5000 + "}", "JSON"),
    ],
    ids=range(7),
)
def test_what_is_no_result_is_refused_in_one_line(text: str, found: str, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(DataError, match=found) as raised:
        read_result(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


GOOD_ROW = {"model": "cnn", "work": "train", "way": "eager", "device": "cpu", "seconds": [1, 0.5]}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"seconds": "123"}, "seconds"),
        ({"seconds": [True]}, "seconds"),
        ({"seconds": [0]}, "seconds"),
        ({"seconds": [-1.0]}, "seconds"),
        ({"seconds": []}, "seconds"),
        ({"seconds": [10**400]}, "seconds"),
        ({"seconds": [float("nan")]}, "not finite, NaN"),
        ({"seconds": [float("inf")]}, "not finite, Infinity"),
        ({"seconds": [[1]]}, "seconds"),
        ({"model": ["cnn"]}, "model"),
        ({"model": "cat"}, "model"),
        ({"way": "[/red]"}, "way"),
        ({"way": None}, "way"),
        ({"work": "[/red]"}, "work"),
        ({"device": "\x1b[31m"}, "device"),
        ({"batch": 1.5}, "batch"),
        ({"batch": 10**400}, "batch"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
def test_a_row_of_another_form_is_refused_in_one_line(
    change: dict[str, Any], place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**ABOUT, "rows": [GOOD_ROW]}))
    assert read_result(path).rows[0].seconds == (1.0, 0.5)
    path.write_text(json.dumps({**ABOUT, "rows": [{**GOOD_ROW, **change}]}))
    assert main(["bench", "compare", str(path), str(path)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error and place in error and error.count("\n") == 1
    assert "\x1b" not in error


@pytest.mark.parametrize("name", ["machine", "versions", "conditions"])
@pytest.mark.parametrize("value", ["a text", ["a"], None, {"[/red]": "x"}, {"a": {"b": {}}}])
def test_facts_of_another_form_are_refused(name: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps({**ABOUT, name: value, "rows": []}))
    with pytest.raises(DataError, match="expected what `pairs bench` writes"):
        read_result(path)


def test_a_pipe_is_no_result_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="found none"):
        read_result(tmp_path / "pipe")


def test_a_run_of_all_is_of_those_that_it_has_time_for_and_any_other_can_be_named() -> None:
    assert bench._models([]) == [name for name in PAIRS if name not in TIMED_WHEN_NAMED]
    assert bench._models(["embeddings", "cnn"]) == ["embeddings", "cnn"]


def test_a_place_that_cannot_be_written_is_refused_before_measuring(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[int] = []
    monkeypatch.setattr("shared.tools.commands.bench._measure", lambda *_: measured.append(1))
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    assert main(["bench", "cnn"]) == 2
    error = capsys.readouterr().err
    assert "a read-only one" in error and "(--json FILE names another place)" in error
    assert measured == []


def test_the_table_is_shown_where_the_pictures_find_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*path: Any, **settings: Any) -> None:
        raise OSError(28, "No space left on device")

    measure = "shared.tools.commands.bench._measure"
    monkeypatch.setattr(measure, lambda *_: (fixture_result(), None))
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    assert main(["bench", "--json", str(tmp_path / "a.json")]) == 2
    printed = capsys.readouterr()
    assert "fastest in TensorFlow 2: many steps" in printed.out
    assert printed.err.startswith("error: --json ") and printed.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("count", [0, 1])
def test_what_was_measured_is_kept_when_another_runtime_fails(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    info = {
        **{"model": "cnn", "task": "train", "runtime": "function", "device": "cpu", "batch": 50},
        **{"machine": ABOUT["machine"], "versions": ABOUT["versions"], "conditions": {}},
    }
    measured = [{"extra_info": info, "stats": {"data": [0.5]}}][:count]

    def run_group(command: list[str], **settings: Any) -> subprocess.CompletedProcess[str]:
        (name,) = [word for word in command if word.startswith("--benchmark-json=")]
        document = {"datetime": "2026-01-02T03", "benchmarks": measured}
        Path(name.partition("=")[2]).write_text(json.dumps(document))
        return subprocess.CompletedProcess(command, 1, "E   OSError: no more threads\n", None)

    monkeypatch.setattr("shared.tools.commands.bench.run_group", run_group)
    code = main(["bench", "cnn", "--json", str(tmp_path / "a.json")])
    found = capsys.readouterr()
    last = found.err.splitlines()[-1]
    assert last.endswith("expected all to be measured, found: OSError: no more threads")
    assert code == (1 if measured else 2)
    assert (tmp_path / "a.json").exists() == bool(measured)
    assert ("500 ms" in found.out) == bool(measured)


def test_a_result_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="--json"):
        write_result(fixture_result(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_single_calls_are_kept_as_medians_of_rounds_and_a_p99(tmp_path: Path) -> None:
    info = {
        "model": "cnn",
        "task": "predict",
        "runtime": "function",
        "device": "cpu",
        "batch": 50,
        "calls": 3,
        "machine": {},
        "versions": {},
        "conditions": {},
    }
    stats = {"data": [1.0, 2.0, 9.0, 3.0, 4.0, 5.0]}
    path = tmp_path / "benchmarks.json"
    document = {"datetime": "2026-01-02T03", "benchmarks": [{"extra_info": info, "stats": stats}]}
    path.write_text(json.dumps(document))
    result = from_pytest_benchmark(path, "pairs bench", quick=True)
    assert result
    (found,) = result.rows
    assert (found.seconds, found.p99) == ((2.0, 4.0), 9.0)


def test_devices_are_joined_with_their_conditions() -> None:
    gpu = Result({**ABOUT, "conditions": {"gpu": {"tf32": True}}}, [row("eager", 1, device="gpu")])
    found = joined([fixture_result(), gpu])
    assert found.about["conditions"] == {"cpu": {"intra_op_threads": 2}, "gpu": {"tf32": True}}
    assert len(found.rows) == len(fixture_result().rows) + 1


# --- What people see ---


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    from rich.console import Console

    print_report(fixture_result(), Console(width=80))
    return capsys.readouterr().out


def test_the_report_is_sorted_and_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys)
    assert text.index("many steps  ") < text.index("Session, feed_dict") < text.index("eager")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text  # nothing is cut off
    line = next(line for line in text.splitlines() if line.startswith("many steps"))
    assert line.split()[2:7] == ["100", "us", "4.0x", "2.0-4.0", "2.9"]
    assert "fastest in TensorFlow 2: many steps" in text


def test_the_report_says_which_runtime_is_fastest_at_which_batch_size() -> None:
    assert list(crossing_lines(fixture_result(), "softmax_regression", "cpu")) == [
        "  fastest of four at batch 1 to 64: many steps",
        "  fastest of four at batch 1,024: Session, feed_dict",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        ({1: 9.0, 64: 0.1, 1024: 0.1}, "from batch 64 on"),
        ({1: 0.001, 64: 9.0, 1024: 0.1}, "from batch 1,024 on"),  # a lucky small batch is no win
        ({1: 9.0, 64: 9.0, 1024: 9.0}, "not up to batch 1,024"),
    ],
)
def test_the_report_says_from_what_batch_the_gpu_wins(seconds: dict[int, float], text: str) -> None:
    on_cpu = [row("function", 1.0, task="train by batch", batch=batch) for batch in seconds]
    on_gpu = [
        row("function", time, task="train by batch", batch=batch, device="gpu")
        for batch, time in seconds.items()
    ]
    (line,) = gpu_lines(result(*on_cpu, *on_gpu), "softmax_regression")
    assert line == f"softmax_regression: the GPU wins {text}"
    assert not list(gpu_lines(result(*on_cpu), "softmax_regression"))


@pytest.mark.parametrize(
    ("value", "text"), [(0.054, "0.05"), (6.78, "6.8"), (14.6, "15"), (13_200.4, "13,200")]
)
def test_ratios_are_shown_short(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1.5e-9, "1.50 ns"), (1.68e-5, "16.8 us"), (0.109, "109 ms"), (2, "2.00 s")],
)
def test_durations_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_bars_grow_with_the_logarithm() -> None:
    lengths = [len(bar(value, [1, 10, 100])) for value in (1, 10, 100)]
    assert lengths[1] - lengths[0] == pytest.approx(lengths[2] - lengths[1], abs=1) and lengths[0]


@pytest.mark.slow
def test_pictures_are_drawn_as_svg_and_png_the_same_every_time(tmp_path: Path) -> None:
    first = draw_all(fixture_result(), tmp_path / "a")
    names = [path.name for path in first]
    assert names == ["a-ratios.svg", "a-ratios.png", "a-batches.svg", "a-batches.png"]
    again = draw_all(fixture_result(), tmp_path / "b")
    assert first[0].read_text() == again[0].read_text()


# --- Comparison ---


def slower(factor: float) -> Result:
    found = fixture_result()
    rows = [
        row(one.runtime, *(second * factor for second in one.seconds))
        if (one.runtime, one.task) == ("many-steps", "train")
        else one
        for one in found.rows
    ]
    return Result({**ABOUT, "versions": {"python": "3.12", "tensorflow": "2.21.0"}}, rows)


def test_a_change_within_the_noise_is_none() -> None:
    found = changes(fixture_result(), slower(1.5))
    (many,) = [
        change
        for change in found
        if (change.row.runtime, change.row.task) == ("many-steps", "train")
    ]
    assert not many.is_beyond_noise  # 2 to 4 before, 1.3 to 2.7 now


def test_a_change_beyond_the_noise_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(fixture_result(), slower(3))
    text = capsys.readouterr().out
    assert "many steps" in text and "0.33x" in text
    assert "the two runs differ in versions: python 3.11 -> 3.12" in text


def test_a_uniformly_slower_machine_is_no_change() -> None:
    rows = [
        Row(**{**vars(one), "seconds": tuple(7 * second for second in one.seconds)})
        for one in fixture_result().rows
    ]
    assert not any(one.is_beyond_noise for one in changes(fixture_result(), result(*rows)))


# --- The command ---


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["nonsense"], "expected one of linear_regression"),
        (["compare", "one.json"], "expected OLD.json NEW.json, found 1"),
        (["compare", "none.json", "none.json"], "none.json: expected a result, found none"),
        (["--json", "no/such/folder/file.json"], "--json no/such/folder/file.json"),
        (["--device", "gpu"], "expected a GPU, found none"),
    ],
)
def test_what_cannot_be_used_ends_in_one_line(
    arguments: list[str], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import tensorflow as tf

    if "gpu" in arguments and tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU here")
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err
    assert found in error and error.count("\n") == 1


def test_the_command_compares_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_result(fixture_result(), tmp_path / "a.json")
    write_result(slower(3), tmp_path / "b.json")
    assert main(["bench", "compare", str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 0
    assert "speeds changed beyond the noise" in capsys.readouterr().out


# --- The page of speed ---


def test_the_page_shows_the_committed_result() -> None:
    text = readme.GUIDE.read_text(encoding="utf-8")
    assert readme.with_blocks(text, readme.all_blocks()) == text, "run python -m benchmarks.readme"
    other = readme.blocks(fixture_result())
    other[readme.OF_NETWORKS] = other["speed"]
    swapped = [read_result(path) for path in (readme.ON_GPU_IN_FLOAT32, readme.ON_GPU)]
    other[readme.OF_GPU] = readme.speed_block(swapped[0], "gpu")
    other[readme.OF_GPU_BATCHES] = readme.batches_block(*swapped)
    for name, block in readme.all_blocks().items():  # another result would be noticed in each
        assert block != other[name]


def complete_rows(models: Sequence[str]) -> list[Row]:
    cases = [
        case
        for model in models
        for list_cases in (training_cases, batch_cases, other_cases)
        for case in list_cases(FULL, model)
    ]
    return [
        row(case.runtime.name, 1.0, model=case.model, task=case.task, batch=case.batch)
        for case in cases
    ]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the page, which `readme` writes from two complete results beside it."""
    for name, models in (("RESULT", MODELS), ("NETWORKS", TIMED_WHEN_NAMED)):
        monkeypatch.setattr(readme, name, tmp_path / f"{name}.json")
        write_result(result(*complete_rows(models)), tmp_path / f"{name}.json")
    monkeypatch.setattr(readme, "GUIDE", tmp_path / "speed.md")
    monkeypatch.setattr(readme, "PROFILES", tmp_path / "profile.json")
    write_profiles([], {}, tmp_path / "profile.json")
    monkeypatch.setattr(readme, "draw_all", lambda *_: [])
    monkeypatch.setattr(readme, "draw_profiles", lambda *_: [])
    text = "".join(
        f"<!-- {name}: written by python -m benchmarks.readme -->\n<!-- end of {name} -->\n"
        for name in (
            "speed",
            "prediction",
            readme.OF_NETWORKS,
            readme.OF_GPU,
            readme.OF_GPU_BATCHES,
        )
    )
    (tmp_path / "speed.md").write_text(text)
    return tmp_path / "speed.md"


def test_the_page_has_a_row_for_each_runtime_that_is_timed(page: Path) -> None:
    assert readme.main() == 0
    speed, rest = page.read_text().split("<!-- end of speed -->")
    prediction, rest = rest.split("<!-- end of prediction -->")
    networks, _ = rest.split(f"<!-- end of {readme.OF_NETWORKS} -->")
    for table, models in ((speed, MODELS), (networks, TIMED_WHEN_NAMED)):
        timed = {each for model in models for each in FULL.training_runtimes(model)}
        assert [each for each in timed if f"| {each.label} |" not in table] == []
    assert "| ConcreteFunction |" in prediction and "| XLA |" in prediction


@pytest.mark.parametrize(
    ("name", "models", "runtime", "task"),
    [
        ("RESULT", MODELS, "gathered", "train"),
        ("RESULT", MODELS, "concrete", "predict"),
        ("NETWORKS", TIMED_WHEN_NAMED, "eager", "train"),
    ],
)
def test_a_result_that_lacks_a_runtime_is_refused_in_one_line(
    name: str,
    models: Sequence[str],
    runtime: str,
    task: str,
    page: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = page.read_text()
    rows = complete_rows(models)
    kept = [one for one in rows if (one.runtime, one.task) != (runtime, task)]
    write_result(result(*kept), page.with_name(f"{name}.json"))
    assert readme.main() == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {page.with_name(name)}.json: expected every case")
    assert f"found none for {len(rows) - len(kept)} of them" in error
    assert f"-{task}-{runtime}:" in error and error.count("\n") == 1
    assert page.read_text() == before


@pytest.mark.parametrize(
    ("path", "models"), [(readme.RESULT, MODELS), (readme.NETWORKS, TIMED_WHEN_NAMED)]
)
def test_the_committed_results_have_every_case(path: Path, models: Sequence[str]) -> None:
    readme.check_complete(path, models)


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks <!-- speed: written by"):
        readme.with_blocks("# Speed\n", readme.blocks(fixture_result()))


def test_each_model_that_is_timed_has_a_column() -> None:
    text = readme.GUIDE.read_text(encoding="utf-8")
    models = [*MODELS, *TIMED_WHEN_NAMED]
    assert all(f" {model}, batch {SETUPS[model].batch} |" in text for model in models)


def test_the_committed_pictures_were_drawn_from_the_committed_result() -> None:
    digest = read_result(readme.RESULT).digest.encode()
    pictures = sorted(readme.RESULT.parent.glob("readme-*"))
    names = [f"readme-{name}.{kind}" for name in ("batches", "ratios") for kind in ("png", "svg")]
    assert [picture.name for picture in pictures] == names
    assert all(digest in picture.read_bytes() for picture in pictures)
    assert fixture_result().digest.encode() not in pictures[1].read_bytes()


def test_the_documents_show_the_committed_pictures() -> None:
    text = readme.GUIDE.read_text(encoding="utf-8")
    assert "(../benchmarks/results/readme-ratios.svg)" in text
    assert "(../benchmarks/results/readme-batches.svg)" in text


# --- Memory ---


KEEPS_MEMORY = """
from benchmarks.memory import resident_bytes
before = resident_bytes()
kept = bytearray(b"x" * 50_000_000)
print((resident_bytes() - before) / len(kept))
"""


def test_memory_that_is_kept_is_seen() -> None:
    # In a process of its own: here, what an earlier test freed may be given back meanwhile.
    done = subprocess.run(
        [sys.executable, "-c", KEEPS_MEMORY], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 0.9 < float(done.stdout) < 1.1
