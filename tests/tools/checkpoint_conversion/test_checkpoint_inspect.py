"""What a checkpoint holds: schemes, optimizers, slots, steps, and files that are no checkpoints."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import FILES, TF1Program, TF2Program, flip_bit, write_names
from shared.errors import CheckpointError
from shared.models import PAIRS
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.adam_steps import power_after, updates_from
from shared.tools.checkpoint_conversion.contents import NAME_BASED, OBJECT_BASED, describe
from shared.tools.checkpoint_conversion.object_based import unescaped
from shared.tools.checkpoint_conversion.summary import step, summary
from shared.tools.commands import main
from tf2_style.tf1_adam import TF1Adam

tf1 = tf.compat.v1
keras = tf.keras.optimizers
TF115 = FILES / "tf115" / "model-900"
TF112 = FILES / "tf112" / "model-20"


def slots(path: str | Path) -> dict[str, tuple[str | None, str | None]]:
    found = describe(path).with_purpose(roles.SLOT)
    return {v.name: (v.role.slot, v.role.slot_of) for v in found}


def test_a_checkpoint_of_real_tensorflow_1_15() -> None:
    contents = describe(TF115)
    assert contents.scheme == NAME_BASED
    assert [optimizer.label() for optimizer in contents.optimizers] == ["TF1 Adam"]
    assert contents.variables["encoder/weights"].shape == (4, 3)  # stored as two parts of [2, 3]
    assert contents.variables["other/bfloat16"].type() == "bfloat16 [2]"
    assert slots(TF115) == {
        "encoder/biases/Adam": ("Adam.m", "encoder/biases"),
        "encoder/biases/Adam_1": ("Adam.v", "encoder/biases"),
        "encoder/biases/ExponentialMovingAverage": ("moving average", "encoder/biases"),
        "encoder/weights/Adam": ("Adam.m", "encoder/weights"),
        "encoder/weights/Adam_1": ("Adam.v", "encoder/weights"),
        "head/kernel.out/Adam": ("Adam.m", "head/kernel.out"),
        "head/kernel.out/Adam_1": ("Adam.v", "head/kernel.out"),
        "head/kernel.out/ExponentialMovingAverage": ("moving average", "head/kernel.out"),
    }
    # No global step, and beta1_power is 0 after 900 updates: only beta2_power tells.
    assert contents.read("beta1_power").numpy() == 0
    assert step(contents) == 900


def test_a_checkpoint_of_real_tensorflow_1_12_on_python_2() -> None:
    found = summary(describe(TF112))
    assert found["kind"] == NAME_BASED
    assert found["optimizers"] == ["TF1 Momentum"]
    assert found["step"] == 20
    assert found["bytes"] == 36
    weights = next(v for v in found["variables"] if v["name"] == "line/weights")
    assert (weights["dtype"], weights["shape"], weights["bytes"]) == ("float32", [3, 1], 12)


@pytest.mark.parametrize(
    ("optimizer", "labels", "slot_names"),
    [
        (keras.SGD(0.1), ["Keras SGD at optimizer"], []),
        (keras.SGD(0.1, momentum=0.9), ["Keras Momentum at optimizer"], ["Momentum.accumulator"]),
        (keras.Adam(), ["Keras Adam at optimizer"], ["Adam.m", "Adam.v"]),
        (keras.Adagrad(), ["Keras Adagrad at optimizer"], ["Adagrad.accumulator"]),
        (keras.RMSprop(), ["Keras RMSProp at optimizer"], ["RMSProp.rms"]),
        (
            keras.RMSprop(momentum=0.9, centered=True),
            ["Keras RMSProp at optimizer"],
            ["RMSProp.mean_gradient", "RMSProp.momentum", "RMSProp.rms"],
        ),
        (keras.Nadam(), ["Keras nadam at optimizer"], ["nadam.momentums", "nadam.velocities"]),
        (
            keras.Adam(use_ema=True),
            ["Keras Adam at optimizer"],
            ["Adam.m", "Adam.v", "moving average"],
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, list) else None,
)
def test_slots_of_keras_by_name_and_variable(
    optimizer: Any, labels: list[str], slot_names: list[str], tmp_path: Path
) -> None:
    prefix = TF2Program(optimizer).save(tmp_path / "model")
    contents = describe(prefix)
    assert contents.scheme == OBJECT_BASED
    assert [found.label() for found in contents.optimizers] == labels
    expected = [(slot, f"layer/{name}") for slot in slot_names for name in ("biases", "weights")]
    assert sorted(slots(prefix).values()) == expected
    # The file numbers them; that each is the slot it is called shows in the program's own names.
    for variable in contents.with_purpose(roles.SLOT):
        assert variable.shape == contents.variables[str(variable.role.slot_of)].shape


def test_keras_slots_hold_what_they_are_called(tmp_path: Path) -> None:
    program = TF2Program(keras.Adam())
    program.train(2)
    contents = describe(program.save(tmp_path / "model"))
    by_role = {(v.role.slot, v.role.slot_of): v.name for v in contents.with_purpose(roles.SLOT)}
    for slot, values in (("m", program.optimizer._momentums), ("v", program.optimizer._velocities)):
        for name, value in zip(("weights", "biases"), values, strict=True):
            stored = contents.read(by_role[f"Adam.{slot}", f"layer/{name}"])
            assert np.array_equal(stored, value)


def test_slots_of_tf1s_kernel_need_the_order_of_the_parameters(tmp_path: Path) -> None:
    prefix = TF2Program(TF1Adam(0.1)).save(tmp_path / "model")
    assert [o.label() for o in describe(prefix).optimizers] == ["TF1's kernel Adam at optimizer"]
    assert slots(prefix)["optimizer/v/1"] == ("Adam.v", None)
    found = describe(prefix, ["layer/weights", "layer/biases"])
    assert found.variables["optimizer/v/1"].role.slot_of == "layer/biases"
    assert found.variables["optimizer/m/0"].role.slot_of == "layer/weights"


def test_slots_of_an_optimizer_in_a_scope_belong_to_the_variable(tmp_path: Path) -> None:
    values = {"w": [1.0], "train/w/Adam": [2.0], "train/w/Adam_1": [3.0], "other/Momentum": [4.0]}
    prefix = write_names(tmp_path / "model", values)
    # other/Momentum is a variable of that name: there is no variable it could be a slot of.
    assert slots(prefix) == {"train/w/Adam": ("Adam.m", "w"), "train/w/Adam_1": ("Adam.v", "w")}


@pytest.mark.parametrize("centered", [False, True])
def test_rmsprop_slots_as_tensorflow_names_them(centered: bool, tmp_path: Path) -> None:
    program = TF1Program(lambda: tf1.train.RMSPropOptimizer(0.1, momentum=0.9, centered=centered))
    found = slots(program.save(tmp_path / "model"))
    momentum = "layer/weights/RMSProp_2" if centered else "layer/weights/RMSProp_1"
    assert found[momentum] == ("RMSProp.momentum", "layer/weights")
    mean_gradient = "RMSProp.mean_gradient"
    assert (mean_gradient in {slot for slot, _ in found.values()}) == centered


def test_names_with_dots_and_slashes(tmp_path: Path) -> None:
    names = {"a.b": 1.0, "a/b": 2.0, "a./b": 3.0, ".S": 4.0, "a..Sb": 5.0}
    values = {name: tf.Variable(value) for name, value in names.items()}
    contents = describe(tf.train.Checkpoint(**values).write(str(tmp_path / "model")))
    found = {unescaped(name): float(contents.read(name)) for name in contents.variables}
    assert found == names


def test_a_step_from_each_place_that_tells_it(tmp_path: Path) -> None:
    program = TF2Program(keras.Adam())
    program.train(3)
    assert step(describe(program.save(tmp_path / "counted"))) == 3
    optimizer = tf.train.Checkpoint(optimizer=program.optimizer)
    assert step(describe(optimizer.write(str(tmp_path / "optimizer")))) == 3
    powers = {"beta2_power": power_after(0.999, 41), "beta1_power": np.float32(0)}
    assert step(describe(write_names(tmp_path / "powers", powers))) == 41
    underflowed = {"beta2_power": np.float32(0)}
    assert step(describe(write_names(tmp_path / "zero", underflowed))) is None
    assert step(describe(write_names(tmp_path / "none", {"w": 1.0}))) is None


def test_powers_are_the_running_products_of_tensorflow_1() -> None:
    # The graph's own multiplication, 900 times in one tf.function, as TF1's `_finish` makes it.
    @tf.function
    def products(beta: tf.Tensor) -> tf.Tensor:
        power, powers = beta, tf.TensorArray(tf.float32, 901)
        for update in tf.range(901):
            powers = powers.write(update, power)
            power = power * beta
        return powers.stack()

    for beta in (0.9, 0.999):
        expected = products(tf.constant(beta)).numpy()
        found = np.array([power_after(beta, updates) for updates in range(901)])
        assert found.tobytes() == expected.tobytes()
    assert power_after(0.9, 827) > 0
    assert power_after(0.9, 828) == 0  # denormals are flushed


@pytest.mark.parametrize("updates", [0, 1, 100, 10_000, 87_000])
def test_updates_are_read_off_a_power(updates: int) -> None:
    assert updates_from(0.999, power_after(0.999, updates), "place") == updates


def test_the_logarithm_alone_would_miscount() -> None:
    # Why `updates_from` looks for the very product: the roundings of 87,000 products add up.
    power = float(power_after(0.999, 87_000))
    assert round(math.log(power) / math.log(0.999)) - 1 != 87_000


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, -0.999, np.nan])
def test_powers_that_no_count_gives(power: float) -> None:
    with pytest.raises(CheckpointError, match=r"here: expected .*; found"):
        updates_from(0.999, np.float32(power), "here")


@pytest.mark.parametrize("power", [np.ones(2, np.float32), np.zeros(0, np.float32), b"text"])
def test_what_is_no_power_is_refused(power: Any) -> None:
    with pytest.raises(
        CheckpointError, match=r"here: expected a power of 0.999, one number; found"
    ):
        updates_from(0.999, power, "here")


def test_a_prefix_an_index_file_and_a_folder(tmp_path: Path) -> None:
    model = PAIRS["linear_regression"].module("tf2_style")
    regression = model.LinearRegression(model.Config())
    first = regression.save(str(tmp_path))
    regression.global_step.assign(7)
    newest = regression.save(str(tmp_path))
    assert describe(first).prefix == first
    assert describe(first + ".index").prefix == first
    assert describe(tmp_path).prefix == newest


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing: expected .* found no file"):
        describe(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match=r"it is missing; found no checkpoint in the folder"):
        describe(tmp_path)
    (tmp_path / "checkpoint").write_text("garbage", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"checkpoint: expected the name of an existing"):
        describe(tmp_path)


@pytest.mark.parametrize("kept", [0, 1, -1])
def test_a_cut_index(kept: int, tmp_path: Path) -> None:
    index = tmp_path / "model.index"
    index.write_bytes(TF115.with_suffix(".index").read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"model: expected an intact checkpoint; found: ."):
        describe(tmp_path / "model")


def test_an_object_graph_that_is_none(tmp_path: Path) -> None:
    prefix = write_names(tmp_path / "model", {"_CHECKPOINTABLE_OBJECT_GRAPH": b"\xff\xff"})
    with pytest.raises(CheckpointError, match="_CHECKPOINTABLE_OBJECT_GRAPH: expected an intact"):
        describe(prefix)


def test_a_missing_and_a_damaged_data_file(tmp_path: Path) -> None:
    for file in TF115.parent.glob("model-900*"):
        shutil.copy(file, tmp_path)
    data = tmp_path / "model-900.data-00000-of-00001"
    flip_bit(data, 0)
    with pytest.raises(CheckpointError, match=r"model-900: beta1_power: expected an intact"):
        describe(tmp_path / "model-900").read("beta1_power")
    data.unlink()
    with pytest.raises(CheckpointError, match=r"expected a file model-900\.data-00000-of-"):
        describe(tmp_path / "model-900")


def test_the_command_prints_a_table_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "inspect", str(TF112)]) == 0
    table = capsys.readouterr().out
    assert "name-based" in table
    assert "TF1 Momentum" in table
    assert "step: 20" in table
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in table.splitlines()[3:]}
    assert rows["line/weights"] == "float32 [3, 1] 12 variable"
    assert rows["line/biases/Momentum"] == "float32 [1] 4 Momentum.accumulator of line/biases"
    assert rows.keys() >= describe(TF112).variables.keys()
    assert main(["checkpoint", "inspect", "--json", str(TF112)]) == 0
    assert json.loads(capsys.readouterr().out) == summary(describe(TF112))


def test_the_command_reports_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["checkpoint", "inspect", str(tmp_path / "none")]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
