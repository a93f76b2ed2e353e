"""Profiles of training steps: times that add up, the operations of the model, what is written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import readme
from benchmarks.profile_report import (
    REST,
    digest_of,
    lines_of,
    print_profiles,
    read_profiles,
    write_profiles,
)
from benchmarks.step_profile import (
    Event,
    Operation,
    Profile,
    divided_times,
    operation_of,
    profile_default,
)
from shared.tools.commands import main

PROFILE = Profile(
    model="mlp",
    runtime="gathered-tf1",
    batch=32,
    steps=200,
    seconds=9e-5,
    profiled_seconds=1e-4,
    floor_seconds=1e-5,
    graph_operations=40,
    operations=(Operation("MatMul", 5.0, 6e-5), Operation("GatherV2", 0.02, 1e-5)),
)


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("while/body/_1/while/add:_MklNativeFusedMatMul", "NativeFusedMatMul"),
        ("while/body/_1/gradient_tape/MatMul/MatMul:_MklMatMul", "MatMul"),
        ("strided_slice:StridedSlice", "StridedSlice"),
        ("EagerLocalExecute: GatherV2", "GatherV2"),
        ("EagerLocalExecute: __inference_train_steps_215", None),  # the whole graph
        ("ThreadpoolListener::Record", None),
        ("KernelAndDeviceFunc::Run", None),
        ("ExecutorState::Process", None),
        ("FunctionRun", None),
    ],
)
def test_operations_are_told_from_the_profilers_other_events(
    name: str, operation: str | None
) -> None:
    assert operation_of(name) == operation


def test_each_moment_is_divided_among_what_runs_in_it() -> None:
    events = [
        *[Event("a", 0, 10), Event("b", 4, 8)],  # four moments together
        *[Event("a", 20, 30), Event("a", 20, 30)],  # twice the same is one moment
        *[Event("a", 100, 130), Event("b", 100, 130), Event("b", 100, 130)],
    ]
    assert divided_times(events) == {"a": 8 + 10 + 10, "b": 2 + 20}
    assert divided_times([]) == {}


@pytest.mark.slow
def test_a_step_of_the_model_is_found_in_its_profile() -> None:
    profile = profile_default("mlp")
    calls = {operation.type: operation.calls for operation in profile.operations}
    # Two layers forward; the weights' gradients of both and the inputs' of the second. Whether
    # bias and product are one operation, and whether a short one is noted, is TensorFlow's choice.
    products = sum(count for name, count in calls.items() if name.endswith("MatMul"))
    assert 1 <= round(products, 6) <= 5
    assert 1 <= calls["ResourceApplyAdam"] <= 4
    together = sum(operation.seconds for operation in profile.operations)
    assert 0 < together < profile.profiled_seconds
    assert 0 < profile.floor_seconds < profile.seconds


def test_the_lines_of_a_profile_add_up_to_the_step(capsys: pytest.CaptureFixture[str]) -> None:
    many = tuple(Operation(f"Op{number}", 1.0, 1e-6) for number in range(14))
    profile = dataclasses.replace(PROFILE, operations=many)
    lines = lines_of(profile)
    assert len(lines) == 12
    assert sum(seconds for *_, seconds in lines) == pytest.approx(profile.profiled_seconds)
    assert [(name, calls) for name, calls, _ in lines[-2:]] == [
        ("4 other operations", 4.0),
        (REST, None),
    ]
    assert [seconds for *_, seconds in lines[-2:]] == pytest.approx([4e-6, 86e-6])
    print_profiles([profile], Console(width=80))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_a_profile_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    write_profiles([PROFILE], {"command": "pairs bench --profile mlp"}, path)
    assert read_profiles(path) == [PROFILE]
    document = json.loads(path.read_text())
    assert document["command"] == "pairs bench --profile mlp"
    assert document["profiles"][0]["way"] == "gathered-tf1"  # as in older files
    other = dataclasses.replace(PROFILE, seconds=8e-5)
    assert digest_of([other]) != digest_of([PROFILE])


def test_the_committed_picture_was_drawn_from_the_committed_profiles() -> None:
    profiles = read_profiles(readme.PROFILES)
    stem = readme.PROFILES.with_suffix("")
    digest = digest_of(profiles).encode()
    for kind in ("svg", "png"):
        assert digest in stem.with_name(f"{stem.name}-operations.{kind}").read_bytes()
    assert "(../benchmarks/results/profile-operations.svg)" in readme.GUIDE.read_text()


@pytest.mark.parametrize("flags", [["--quick"], ["--device", "all"]])
def test_a_profile_takes_no_other_kind_of_run(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "profile.json"
    assert main(["bench", "--profile", "mlp", *flags, "--json", str(path)]) == 2
    assert capsys.readouterr().err.startswith("error: --profile: expected no --quick, no --only")
    assert not path.exists()
