"""Conversions: what they refuse, what they compute, and that they write all or nothing."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import forked_python
from checkpoint_pairs import fresh, state, train
from checkpoint_programs import (
    SUFFIX,
    TF1Program,
    TF2Program,
    cross,
    flip_bit,
    map_between,
    plan_for,
    proposed_map,
    tensors_of,
    write_names,
)
from saved import restore, save
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion import writing
from shared.tools.checkpoint_conversion.adam_steps import power_after
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.commands import main

tf1 = tf.compat.v1
keras = tf.keras.optimizers
F32 = np.float32
BOTH = {"tf1": "tf2", "tf2": "tf1"}


@pytest.fixture
def linear(tmp_path: Path) -> tuple[str, str]:
    """A trained checkpoint of linear_regression in TF1 style, and where to convert it to."""
    model = fresh("tf1_style", "linear_regression")
    train(model, "linear_regression", stretch=0)
    return save(model, str(tmp_path / "tf1")), str(tmp_path / "tf2" / "model-3")


def convert(source: str, target: str, *flags: str) -> int:
    model = ["--model", "linear_regression"]
    return main(["checkpoint", "convert", source, target, "--to", "tf2", *model, *flags])


# ---- The command --------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["keras", "tf1"])
def test_a_pair_needs_no_flag(optimizer: str, tmp_path: Path) -> None:
    model = fresh("tf1_style", "relu_regression")
    train(model, "relu_regression", stretch=0)
    save(model, str(tmp_path / "tf1"))
    command = ["checkpoint", "convert", "--model", "relu_regression"]
    flags = [] if optimizer == "keras" else ["--optimizer", "tf1"]
    there, back = f"{tmp_path}/tf2", f"{tmp_path}/back"
    assert main([*command, f"{tmp_path}/tf1", there, "--to", "tf2", *flags]) == 0
    crossed = fresh("tf2_style", "relu_regression", optimizer)
    assert restore(crossed, there) == f"{there}/model-3"
    assert main([*command, there, back, "--to", "tf1"]) == 0
    returned = fresh("tf1_style", "relu_regression")
    restore(returned, back)
    for name, value in state(model).items():
        assert state(returned)[name].tobytes() == value.tobytes(), name


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    linear: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(*linear, "--dry-run") == 0
    output = capsys.readouterr().out
    for word in ("weight", "bias", "global_step", "save_counter", "copied", "nothing written"):
        assert word in output
    assert not Path(linear[1]).parent.exists()


def test_an_existing_target_needs_force(
    linear: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(*linear) == 0
    before = {file: file.stat().st_mtime_ns for file in Path(linear[1]).parent.iterdir()}
    for flags in ([], ["--dry-run"]):
        assert convert(*linear, *flags) == 2
        assert "model-3: expected no checkpoint there, or --force; found" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in before} == before
    others = {"model-3.data-00001-of-00003", "model-3.data-notes.txt", "model-3.meta"}
    for name in others:  # of somebody else: the old index counts one file
        Path(linear[1]).with_name(name).touch()
    assert convert(*linear, "--force") == 0
    assert {file.name for file in Path(linear[1]).parent.iterdir()} == others | {
        "checkpoint",
        "model-3.data-00000-of-00002",
        "model-3.data-00001-of-00002",
        "model-3.index",
    }
    assert tensors_of(linear[1])["weight" + SUFFIX] == tensors_of(linear[0])["weight"]


def test_the_source_is_never_the_target(linear: tuple[str, str]) -> None:
    before = tensors_of(linear[0])
    assert convert(linear[0], linear[0], "--force") == 2
    assert tensors_of(linear[0]) == before


def test_a_target_becomes_the_newest_of_its_folder(linear: tuple[str, str]) -> None:
    other = fresh("tf2_style", "linear_regression")
    folder = Path(linear[1]).parent
    save(other, str(folder))
    assert convert(linear[0], str(folder)) == 0  # an existing folder: the source's name
    status = tf.train.get_checkpoint_state(str(folder))
    assert [Path(p).name for p in status.all_model_checkpoint_paths] == ["model-0", "model-3"]
    assert restore(other, str(folder)) == linear[1]
    assert other.step() == 3
    # What trains on there finds and deletes the oldest as ever.
    for step in (4, 5):
        other.global_step.assign(step)
        save(other, str(folder))
    assert sorted(file.stem for file in folder.glob("*.index")) == ["model-3", "model-4", "model-5"]


def test_a_damaged_state_file_is_not_replaced(linear: tuple[str, str]) -> None:
    file = Path(linear[1]).with_name("checkpoint")
    file.parent.mkdir()
    file.write_text("garbage", encoding="utf-8")
    assert convert(*linear) == 2
    assert [entry.name for entry in file.parent.iterdir()] == ["checkpoint"]
    assert file.read_text(encoding="utf-8") == "garbage"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--model", "none"], "MODEL: expected one of"),
        (
            ["--model", "linear_regression", "--to", "tf1"],
            "expected a checkpoint that is object-based",
        ),
        (["--model", "softmax_regression"], "expected 'biases', which --model softmax_regression"),
        (["--model", "linear_regression", "--optimizer", "tf1"], "--optimizer: expected one that"),
        (["--map", "none.toml"], "none.toml: expected a map in TOML"),
        (["--map", "none.toml", "--optimizer", "tf1"], "--optimizer: expected --model"),
        (["--model", "linear_regression", "--ignore", "wieght"], "found 'wieght'"),
        (["--model", "linear_regression", "--learning-rate", "1"], "--learning-rate: nothing"),
    ],
)
def test_what_the_command_refuses_in_one_line(
    flags: list[str],
    message: str,
    linear: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["checkpoint", "convert", *linear, "--to", "tf2", *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not Path(linear[1]).parent.exists()


# ---- Every tensor -------------------------------------------------------------------------------


def test_tensors_of_the_source_without_a_partner_are_listed(tmp_path: Path) -> None:
    conversion_map = map_between(tmp_path, {"w": F32(1)}, w=tf.Variable(0.0))
    source = write_names(tmp_path / "1", {"w": F32(1), "x": F32(2), "y": np.zeros([2, 3], F32)})
    with pytest.raises(CheckpointError, match=r"no place for x \(float32 \[\]\), y \(float32 \["):
        plan_for(conversion_map, source)
    plan = plan_for(conversion_map, source, ignore=("x", "y"))
    assert plan.left_out == {"x": "ignored", "y": "ignored"}
    assert plan_for(conversion_map, source, ignore=("[xy]",)).left_out == plan.left_out


def test_tensors_of_the_target_without_a_partner_are_listed(tmp_path: Path) -> None:
    objects = {"w": tf.Variable(0.0), "new": tf.Variable([7.0, 8.0])}
    conversion_map = map_between(tmp_path, {"w": F32(1)}, **objects)
    with pytest.raises(CheckpointError, match=r"no value for new \(float32 \[2\]\)"):
        plan_for(conversion_map, conversion_map.tf1)
    target = cross(conversion_map, conversion_map.tf1, tmp_path / "2", ignore=("new",))
    assert describe(target).read("new").numpy().tolist() == [7, 8]  # the template's


def test_a_map_may_ignore_what_one_checkpoint_does_not_have(tmp_path: Path) -> None:
    conversion_map = map_between(tmp_path, {"w": F32(1), "x": F32(2)}, w=tf.Variable(0.0))
    conversion_map = dataclasses.replace(conversion_map, ignore=["x", "not/there"])
    assert plan_for(conversion_map, conversion_map.tf1).left_out == {"x": "ignored"}
    with pytest.raises(UsageError, match="--ignore: expected the pattern of a name; found 'w"):
        plan_for(conversion_map, conversion_map.tf1, ignore=("w/*",))


def test_a_tensor_that_the_map_names_must_be_there(tmp_path: Path) -> None:
    conversion_map = map_between(tmp_path, {"w": F32(1), "x": F32(1)}, w=tf.Variable(0.0))
    wrong = dataclasses.replace(conversion_map, variables={"w": ["w"], "x": ["gone"]}, origin="m")
    with pytest.raises(CheckpointError, match=r"template2-1: expected 'gone', which m names"):
        plan_for(wrong, wrong.tf1)
    source = write_names(tmp_path / "1", {"w": F32(1)})
    with pytest.raises(CheckpointError, match=r"1: expected 'x', which m names; found none"):
        plan_for(wrong, source)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros([3], F32), r"float32 \[3\]"),
        (np.zeros([2, 1], F32), r"float32 \[2, 1\]"),
        (np.zeros([2], np.float64), r"float64 \[2\]"),
        (np.zeros([2], np.int32), r"int32 \[2\]"),
    ],
)
def test_another_shape_or_dtype_is_refused(value: Any, found: str, tmp_path: Path) -> None:
    objects = {"w": tf.Variable([0.0, 0.0])}
    conversion_map = map_between(tmp_path, {"w": np.zeros([2], F32)}, **objects)
    source = write_names(tmp_path / "1", {"w": value})
    with pytest.raises(CheckpointError, match=rf"1: w: expected float32 \[2\], .* found {found}"):
        plan_for(conversion_map, source)


def test_slots_that_are_mixed_up_are_refused(tmp_path: Path) -> None:
    program = TF1Program(lambda: tf1.train.AdamOptimizer(0.1))
    source = program.save(tmp_path / "1")
    conversion_map = proposed_map(source, TF2Program(keras.Adam()).save(tmp_path / "2"))
    variables = dict(conversion_map.variables)
    m, v = "layer/weights/Adam", "layer/weights/Adam_1"
    variables[m], variables[v] = variables[v], variables[m]
    with pytest.raises(CheckpointError, match=r"weights/Adam.*: expected a slot Adam\.[mv], as"):
        plan_for(dataclasses.replace(conversion_map, variables=variables), source)


def test_tensors_of_every_type_cross_and_come_back(tmp_path: Path) -> None:
    values = {
        "bfloat16": tf.constant([1.5, float("nan"), -0.0], tf.bfloat16),
        "half": tf.constant([1.5, 6e-8], tf.half),
        "double": tf.constant([1e300, 5e-324], tf.float64),  # the smallest denormal
        "int64": tf.constant(2**40, tf.int64),
        "uint8": tf.constant([0, 255], tf.uint8),
        "bool": tf.constant([True, False]),
        "complex64": tf.constant([1 + 2j], tf.complex64),
        "string": tf.constant([b"\xff\0", b"text"]),
        "empty": tf.zeros([0, 3]),
        "a.b/c.S": tf.constant(1.0),
        ".": tf.constant(2.0),
        "[red]": tf.constant(3.0),
    }
    objects = {name: tf.Variable(tf.zeros_like(value)) for name, value in values.items()}
    tf2 = tf.train.Checkpoint(**objects).save(str(tmp_path / "template"))
    source = write_names(tmp_path / "1", values)
    conversion_map = proposed_map(source, tf2)
    target = cross(conversion_map, source, tmp_path / "2")
    tf.train.Checkpoint(**objects).restore(target).assert_consumed()
    for name, variable in objects.items():
        found, expected = variable.numpy(), values[name].numpy()
        if found.dtype == object:
            assert found.tolist() == expected.tolist()
        else:
            assert found.tobytes() == expected.tobytes(), name
    assert tensors_of(cross(conversion_map, target, tmp_path / "3")) == tensors_of(source)


# ---- Steps and rates ----------------------------------------------------------------------------


@pytest.fixture
def adam(tmp_path: Path) -> tuple[CrossingMap, dict[str, Any]]:
    """A map to a Keras Adam, and TF1's tensors after 12 updates."""
    program = TF1Program(lambda: tf1.train.AdamOptimizer(0.1))
    program.train(12)
    source = program.save(tmp_path / "adam")
    tf2 = TF2Program(keras.Adam(0.25)).save(tmp_path / "tf2")
    contents = describe(source)
    return proposed_map(source, tf2), {name: contents.read(name) for name in contents.variables}


def test_keras_counts_what_tf1_multiplied(adam: tuple[CrossingMap, Any], tmp_path: Path) -> None:
    conversion_map, tensors = adam
    target = describe(cross(conversion_map, conversion_map.tf1, tmp_path / "2"))
    assert int(target.read("optimizer/_iterations")) == 12
    # Without a global step, by beta2_power alone.
    del tensors["global_step"]
    variables = {name: v for name, v in conversion_map.variables.items() if name != "global_step"}
    by_power = dataclasses.replace(conversion_map, variables=variables)
    source = write_names(tmp_path / "powers", tensors)
    target = describe(cross(by_power, source, tmp_path / "3", ignore=("global_step",)))
    assert int(target.read("optimizer/_iterations")) == 12
    # From 828 updates on, beta1_power is 0 and tells nothing.
    tensors |= {"beta1_power": F32(0), "beta2_power": power_after(0.999, 900)}
    late = write_names(tmp_path / "late", tensors)
    target = describe(cross(by_power, late, tmp_path / "4", ignore=("global_step",)))
    assert int(target.read("optimizer/_iterations")) == 900


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"global_step": np.int64(13)}, "beta1_power: expected .* because the step is 13; found"),
        ({"beta2_power": power_after(0.999, 11)}, "beta2_power: expected .* the step is 12"),
        ({"beta1_power": F32(0.5)}, "beta1_power: expected 0.25.*; found 0.5"),
        ({"beta2_power": F32(0)}, "beta2_power: expected .*; found 0"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(
    changed: dict[str, Any], message: str, adam: tuple[CrossingMap, Any], tmp_path: Path
) -> None:
    source = write_names(tmp_path / "1", {**adam[1], **changed})
    with pytest.raises(CheckpointError, match=message):
        plan_for(adam[0], source)


def test_an_underflowed_power_needs_a_global_step(
    adam: tuple[CrossingMap, Any], tmp_path: Path
) -> None:
    conversion_map, tensors = adam
    tensors |= {"beta1_power": F32(0), "beta2_power": F32(0), "global_step": np.int64(100_000)}
    source = write_names(tmp_path / "1", tensors)
    target = cross(conversion_map, source, tmp_path / "2")
    assert int(describe(target).read("optimizer/_iterations")) == 100_000
    assert tensors_of(cross(conversion_map, target, tmp_path / "3")) == tensors_of(source)
    variables = {name: v for name, v in conversion_map.variables.items() if name != "global_step"}
    without = dataclasses.replace(conversion_map, variables=variables)
    with pytest.raises(CheckpointError, match="the step must come from a global_step"):
        plan_for(without, source, ignore=("global_step",))


def test_other_betas_stand_in_the_map(adam: tuple[CrossingMap, Any], tmp_path: Path) -> None:
    conversion_map, tensors = adam
    tensors |= {"beta1_power": power_after(0.5, 12), "beta2_power": power_after(0.99, 12)}
    source = write_names(tmp_path / "1", tensors)
    with pytest.raises(CheckpointError, match="beta1_power: expected"):
        plan_for(conversion_map, source)
    betas = KerasAdam("optimizer/_iterations", beta1=0.5, beta2=0.99)
    other = dataclasses.replace(conversion_map, keras_adams=[betas])
    target = cross(other, source, tmp_path / "2")
    assert tensors_of(cross(other, target, tmp_path / "3")) == tensors_of(source)


def test_a_denormal_of_another_device_counts_as_0(
    adam: tuple[CrossingMap, Any], tmp_path: Path
) -> None:
    tensors = adam[1] | {"global_step": np.int64(900), "beta1_power": F32(1e-41)}
    tensors["beta2_power"] = power_after(0.999, 900)
    plan_for(adam[0], write_names(tmp_path / "1", tensors))


def test_copies_of_one_step_must_agree(adam: tuple[CrossingMap, Any], tmp_path: Path) -> None:
    conversion_map = adam[0]
    program = TF2Program(keras.Adam())
    program.train(2)
    program.step.assign(3)
    with pytest.raises(CheckpointError, match=r"_iterations: expected the value of global_step"):
        plan_for(conversion_map, program.save(tmp_path / "1"))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_a_step_keeps_its_value_in_another_integer_type(dtype: Any, tmp_path: Path) -> None:
    objects = {"global_step": tf.Variable(0, dtype=tf.int64)}
    conversion_map = map_between(tmp_path, {"global_step": dtype(0)}, **objects)
    source = write_names(tmp_path / "1", {"global_step": dtype(12)})
    target = cross(conversion_map, source, tmp_path / "2")
    assert describe(target).read("global_step").numpy() == np.int64(12)
    assert tensors_of(cross(conversion_map, target, tmp_path / "3")) == tensors_of(source)
    objects["global_step"].assign(2**31)
    huge = tf.train.Checkpoint(**objects).save(str(tmp_path / "huge"))
    if dtype == np.int32:
        with pytest.raises(CheckpointError, match=r"a number that fits into int32; found 2147483"):
            cross(conversion_map, huge, tmp_path / "4")
    else:
        cross(conversion_map, huge, tmp_path / "4")


def test_keras_gets_the_rate_that_is_given_or_the_templates(
    adam: tuple[CrossingMap, Any], tmp_path: Path
) -> None:
    conversion_map, name = adam[0], "optimizer/_learning_rate"
    target = cross(conversion_map, conversion_map.tf1, tmp_path / "2")
    assert describe(target).read(name).numpy() == F32(0.25)
    target = cross(conversion_map, conversion_map.tf1, tmp_path / "3", rate=0.5)
    assert describe(target).read(name).numpy() == F32(0.5)
    assert plan_for(conversion_map, target).left_out[name].startswith("0.5; TF1 has it in")


def test_momentum_changes_sign_and_scale(tmp_path: Path) -> None:
    first = TF1Program(lambda: tf1.train.MomentumOptimizer(0.1, 0.9))
    first.train(3)
    source = first.save(tmp_path / "1")
    conversion_map = proposed_map(source, TF2Program(keras.SGD(0.3, 0.9)).save(tmp_path / "t"))
    with pytest.raises(UsageError, match="--learning-rate: expected the rate, which Momentum's"):
        plan_for(conversion_map, source)
    target = cross(conversion_map, source, tmp_path / "2", rate=0.1)
    accumulator = describe(source).read("layer/weights/Momentum").numpy()
    slot = describe(target).read("optimizer/_variables/2").numpy()
    assert (slot == F32(-0.1) * accumulator).all()
    # Back by the rate that Keras saved: off by half a last bit in each of the two roundings.
    back = describe(cross(conversion_map, target, tmp_path / "3"))
    error = back.read("layer/weights/Momentum").numpy() - accumulator
    assert np.abs(error / accumulator).max() <= 2 * 2.0**-24


def test_a_rate_of_0_does_not_divide_a_momentum(tmp_path: Path) -> None:
    """As a schedule leaves it at its end: a slot divided by it would be infinite or NaN."""
    first = TF1Program(lambda: tf1.train.MomentumOptimizer(0.1, 0.9))
    ended = TF2Program(keras.SGD(0.0, 0.9)).save(tmp_path / "t")
    conversion_map = proposed_map(first.save(tmp_path / "1"), ended)
    with pytest.raises(UsageError, match=r"expected the rate that .* holds 0; found none"):
        plan_for(conversion_map, ended)


# ---- All or nothing -----------------------------------------------------------------------------


def test_a_damaged_source_is_named_and_nothing_is_written(
    linear: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(linear[0] + ".data-00000-of-00001")
    flip_bit(data, -1)
    assert convert(*linear) == 2
    error = capsys.readouterr().err
    assert "model-3: weight: expected an intact checkpoint; found: " in error
    assert error.count("\n") == 1
    assert list(Path(linear[1]).parent.iterdir()) == []


def test_bytes_that_are_not_what_was_planned_are_noticed(
    linear: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flush = writing._Shards.flush

    def faulty(shards: writing._Shards) -> None:
        key = "weight" + SUFFIX
        shards.waiting[key] = tf.math.nextafter(shards.waiting[key], tf.constant(9.0))  # one bit
        flush(shards)

    monkeypatch.setattr(writing._Shards, "flush", faulty)
    assert convert(*linear) == 2
    expected = f"{linear[1]}: weight: expected the bytes that were written; found others"
    assert expected in capsys.readouterr().err
    assert list(Path(linear[1]).parent.iterdir()) == []


def test_a_tensor_that_was_not_written_is_noticed(
    linear: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flush = writing._Shards.flush

    def faulty(shards: writing._Shards) -> None:
        del shards.waiting["weight" + SUFFIX]
        flush(shards)

    monkeypatch.setattr(writing._Shards, "flush", faulty)
    assert convert(*linear) == 2
    assert "expected what was planned; found other: " in capsys.readouterr().err
    assert list(Path(linear[1]).parent.iterdir()) == []


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 16 kB, as if the disk were full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    objects = {"w": tf.Variable(tf.zeros([10_000]))}
    conversion_map = map_between(tmp_path, {"w": np.ones([10_000], F32)}, **objects)
    (tmp_path / "target").mkdir()
    request.getfixturevalue("full_disk")
    with pytest.raises(CheckpointError, match=r"2: expected a folder to write to, with room; fou"):
        cross(conversion_map, conversion_map.tf1, tmp_path / "target" / "2")
    assert list((tmp_path / "target").iterdir()) == []


KILLED = """
import os, signal, sys
import shared.tensorflow_loading
from shared.tools.checkpoint_conversion import writing
from shared.tools.commands import main
writing._verify = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
main(["checkpoint", "convert", *sys.argv[1:], "--to", "tf2", "--model", "linear_regression"])
"""


def test_what_a_killed_conversion_left_is_cleared_by_the_next(
    linear: tuple[str, str], tmp_path: Path
) -> None:
    target = tmp_path / "new" / "model-3"
    command = [sys.executable, "-c", KILLED, linear[0], str(target)]
    killed = forked_python.run(command)
    assert killed.returncode == -9
    (left,) = target.parent.iterdir()
    assert left.name.startswith(".model-3.") and list(left.iterdir())
    others = [target.parent / name for name in (".model-3.mine", ".model-30.abcdefgh")]
    in_use = target.parent / ".model-3.12345678"  # of a conversion that goes on
    for folder in (*others, in_use):
        folder.mkdir()
    lock = os.open(in_use, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert convert(linear[0], str(target)) == 0
    os.close(lock)
    hidden = {path for path in target.parent.iterdir() if path.name.startswith(".")}
    assert hidden == {*others, in_use}


def test_a_target_that_cannot_be_a_folder(
    linear: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(linear[1]).parent.write_text("a file", encoding="utf-8")
    assert convert(*linear) == 2
    assert "model-3: expected a folder to write to, with room" in capsys.readouterr().err


# ---- Memory -------------------------------------------------------------------------------------

CONVERTER = """
import sys, resource
import shared.tensorflow_loading
from shared.tools.commands import main
for source, target, map in zip(*[iter(sys.argv[1:])] * 3):
    assert main(["checkpoint", "convert", source, target, "--to", "tf2", "--map", map]) == 0
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_large_checkpoint_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    tensors, values = 25, 2**20  # 25 x 4 MiB
    arguments = []
    for size in (1, values):
        objects = {f"v{index}": tf.Variable(tf.zeros([size])) for index in range(tensors)}
        names = {name: tf.fill([size], float(index)) for index, name in enumerate(objects)}
        folder = tmp_path / str(size)
        folder.mkdir()
        conversion_map = map_between(folder, names, **objects)
        lines = ["[templates]", f'tf1 = "{conversion_map.tf1}"', f'tf2 = "{conversion_map.tf2}"']
        lines += ["[variables]", *(f'{name} = "{name}"' for name in names)]
        (folder / "map.toml").write_text("\n".join(lines), encoding="utf-8")
        arguments += [conversion_map.tf1, str(folder / "target"), str(folder / "map.toml")]
    command = [sys.executable, "-c", CONVERTER, *arguments]
    root = Path(__file__).parents[3]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    peaks = [int(line.split()[1]) for line in result.stdout.splitlines() if "peak" in line]
    unit = 1024 if sys.platform == "darwin" else 1  # ru_maxrss: bytes there, kilobytes on Linux
    small, large = (peak / unit for peak in peaks)
    # It holds at most 32 MiB that wait to be written and one tensor that is compared. Two thirds of
    # the 100 MiB leave room for the allocator, and none for a copy of everything.
    assert large - small < 67 * 1024
    shutil.rmtree(tmp_path)  # 300 MB
