"""Every form of file that holds variables, written by real TensorFlow 1.15, and damaged ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings

from checkpoint_programs import FILES, cross, write_names
from shared.checkpoints.state_file import read_state
from shared.errors import CheckpointError, SuiteError, UsageError
from shared.tools.checkpoint_conversion import sources
from shared.tools.checkpoint_conversion.averages import with_averages
from shared.tools.checkpoint_conversion.contents import NAME_BASED, OBJECT_BASED, describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.commands import main

FORMS = FILES / "tf115_forms"
VALUES = np.load(FORMS / "values.npz")
TF112 = FILES / "tf112" / "model-20"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("model-5", sources.V1_FILE),
        ("sharded-5", sources.BUNDLE),
        ("sharded-5.index", sources.BUNDLE),
        ("sharded-5.data-00001-of-00002", sources.BUNDLE),
        ("saved_model", sources.BUNDLE),
        ("saved_model/saved_model.pb", sources.BUNDLE),
        ("frozen.pb", sources.FROZEN_GRAPH),
    ],
)
def test_each_form_of_tensorflow_1_15_holds_the_same_weights(name: str, form: str) -> None:
    contents = describe(FORMS / name)
    assert (contents.scheme, contents.source.form) == (NAME_BASED, form)
    for variable in ("kernel", "bias"):
        assert contents.read(f"dense/{variable}").numpy().tobytes() == VALUES[variable].tobytes()


def test_a_meta_file_has_the_names_and_types_of_its_checkpoint_and_no_values() -> None:
    meta, checkpoint = describe(FORMS / "sharded-5.meta"), describe(FORMS / "sharded-5")
    assert meta.source.form == sources.META_GRAPH
    types = {name: variable.type() for name, variable in meta.variables.items()}
    assert types == {name: variable.type() for name, variable in checkpoint.variables.items()}
    assert (
        meta.variables["dense/kernel/Adam"].role == checkpoint.variables["dense/kernel/Adam"].role
    )
    with pytest.raises(
        CheckpointError, match="dense/bias: expected a value; found a file of names"
    ):
        meta.read("dense/bias")


def test_keras_files_of_1_15_predict_what_1_15_predicted() -> None:
    data = np.load(FORMS / "keras.npz")
    for name in ("whole.h5", "weights.h5"):
        contents = describe(FORMS / name)
        assert contents.source.form == sources.HDF5
        kernel, bias = (contents.read(f"dense/{part}").numpy() for part in ("kernel", "bias"))
        # One matrix product of three terms: a few roundings apart.
        assert np.abs(data["inputs"] @ kernel + bias - data["outputs"]).max() <= 1e-6
    names = describe(FORMS / "whole.h5").variables
    assert {"training/Adam/iter", "training/Adam/dense/kernel/m"} <= set(names)
    assert int(describe(FORMS / "whole.h5").read("training/Adam/iter")) == 3
    weights = describe(FORMS / "weights")  # of save_weights(save_format="tf")
    assert weights.scheme == OBJECT_BASED
    kernel = weights.read("layer_with_weights-0/kernel").numpy()
    assert kernel.tobytes() == describe(FORMS / "whole.h5").read("dense/kernel").numpy().tobytes()


def test_a_slice_is_called_a_slice_and_read(capsys: pytest.CaptureFixture[str]) -> None:
    contents = describe(FORMS / "slices-5")
    assert contents.variables["model/table"].type() == "float32 [7, 2]"
    variable = contents.variables["model/table/art_1/Adam"]  # [sic]: TensorFlow cut the name
    assert variable.part is not None and variable.part.text() == "[3:5, :] of [7, 2]"
    assert contents.read(variable.name).shape == (2, 2)
    assert main(["checkpoint", "inspect", str(FORMS / "slices-5")]) == 0
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if line.startswith(f"{variable.name} "))
    assert row.rstrip().endswith("part [3:5, :] of [7, 2]")


def test_slices_go_back_to_1_15_as_slices(tmp_path: Path) -> None:
    """A template with slices gets slices: 1.15 asks for them by name and place."""
    source = describe(FORMS / "slices-5")
    names = list(source.variables)
    objects = {f"v{k}": tf.Variable(source.read(name)) for k, name in enumerate(names)}
    template = tf.train.Checkpoint(**objects).save(str(tmp_path / "tf2"))
    pairs = {name: [f"v{k}"] for k, name in enumerate(names)}
    back = cross(CrossingMap(str(FORMS / "slices-5"), template, pairs), template, tmp_path / "1")
    for name, variable in source.variables.items():
        written = describe(back).variables[name]
        assert (written.type(), written.part) == (variable.type(), variable.part)
        assert describe(back).read(name).numpy().tobytes() == source.read(name).numpy().tobytes()


def test_averages_take_the_place_of_their_variables() -> None:
    contents = describe(FORMS / "model-5")
    averaged, names = with_averages(contents)
    assert names == ["dense/bias", "dense/kernel"]
    average = contents.read("dense/kernel/ExponentialMovingAverage").numpy()
    assert averaged.read("dense/kernel").numpy().tobytes() == average.tobytes()
    assert average.tobytes() != contents.read("dense/kernel").numpy().tobytes()
    assert not [name for name in averaged.variables if "Average" in name]
    with pytest.raises(UsageError, match=r"--use-averages: expected moving averages .* found none"):
        with_averages(describe(TF112))


def test_averages_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = {"kernel": tf.Variable(tf.zeros([3, 2])), "bias": tf.Variable(tf.zeros([2]))}
    template = tf.train.Checkpoint(**objects).save(str(tmp_path / "tf2"))
    file = tmp_path / "map.toml"
    file.write_text(
        f'[templates]\ntf1 = "{FORMS}/sharded-5.meta"\ntf2 = "{template}"\n[variables]\n'
        '"dense/kernel" = "kernel"\n"dense/bias" = "bias"\n'
        '[ignore]\ntf1 = ["*/Adam", "*/Adam_1", "*_power"]\n',
        encoding="utf-8",
    )
    target = str(tmp_path / "out" / "model-5")
    command = ["checkpoint", "convert", str(FORMS / "model-5"), target, "--to", "tf2"]
    assert main([*command, "--map", str(file), "--use-averages"]) == 0
    assert "2 variables have their moving average as value" in capsys.readouterr().out
    expected = describe(FORMS / "model-5").read("dense/bias/ExponentialMovingAverage").numpy()
    assert describe(target).read("bias").numpy().tobytes() == expected.tobytes()


# ---- What TensorFlow takes, too ----------------------------------------------------------------


def copied(folder: Path, name: str = "model-20") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for file in TF112.parent.glob("model-20.*"):
        shutil.copy(file, folder / file.name.replace("model-20", name))
    return folder / name


@pytest.mark.parametrize(
    "line",
    [
        r'"C:\\Users\\me\\run\\model-20"',
        '"/home/j\u00f3zef/model-20"',  # as TensorFlow 2.21 writes it
        r'"/home/j\303\263zef/model-20"',  # as older releases do
        '"/home/me/" "model-20"',  # adjacent texts are one
        "'model-20'",
    ],
)
def test_a_list_of_checkpoints_as_tensorflow_may_write_it(line: str, tmp_path: Path) -> None:
    copied(tmp_path)
    copied(tmp_path, "model-40")
    lines = f"model_checkpoint_path: {line}\nall_model_checkpoint_paths: {line}\n"
    (tmp_path / "checkpoint").write_text(lines, encoding="utf-8")
    assert read_state(str(tmp_path)).problem is None
    assert describe(tmp_path).prefix == str(tmp_path / "model-20")


@pytest.mark.parametrize(
    "line", ['"model-20", "x"', '"model-20" x', '"model', '"\\xZ"', "model-20"]
)
def test_a_list_that_is_none_counts_as_damaged(line: str, tmp_path: Path) -> None:
    lines = f"model_checkpoint_path: {line}\nall_model_checkpoint_paths: {line}\n"
    (tmp_path / "checkpoint").write_text(lines, encoding="utf-8")
    assert read_state(str(tmp_path)).problem == "it is damaged"


def test_the_only_checkpoint_of_a_folder_needs_no_list(tmp_path: Path) -> None:
    prefix = copied(tmp_path)
    assert describe(tmp_path).prefix == str(prefix)
    copied(tmp_path, "model-40")
    with pytest.raises(CheckpointError, match=r"found 2 checkpoints \(model-20, model-40\), so"):
        describe(tmp_path)
    shutil.copy(FORMS / "model-5", tmp_path / "v1")
    assert describe(tmp_path / "v1").source.form == sources.V1_FILE


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "run\\x"])
def test_a_name_that_tensorflow_takes_for_a_pattern_is_read(name: str, tmp_path: Path) -> None:
    prefix = copied(tmp_path / name)
    assert describe(prefix).read("line/weights").shape == (3, 1)
    shutil.copy(FORMS / "model-5", tmp_path / name)
    assert describe(tmp_path / name / "model-5").read("dense/bias").shape == (2,)
    target = str(tmp_path / name / "converted")
    command = ["checkpoint", "convert", str(prefix), target, "--to", "tf2", "--model"]
    assert main([*command, "linear_regression"]) == 2


def test_a_line_break_in_a_name_stays_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(tmp_path, "model\n\x1b[31m20")
    state = 'model_checkpoint_path: "model\\n\\033[31m20"\n'
    state += state.replace("model_checkpoint_path", "all_model_checkpoint_paths")
    (tmp_path / "checkpoint").write_text(state, encoding="utf-8")
    assert main(["checkpoint", "inspect", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/model\\n\\x1b[31m20: name-based")


def test_names_of_variables_are_printed_without_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["w\x1b[2J", "[/red]", "v/10", "v/9", "right\u202eleft"]
    prefix = write_names(tmp_path / "model", {name: [1.0] for name in names})
    assert main(["checkpoint", "inspect", prefix]) == 0
    output = capsys.readouterr().out
    shown_names = [line.split()[0] for line in output.splitlines()[3:-1]]
    assert shown_names == ["[/red]", "right\\u202eleft", "v/9", "v/10", "w\\x1b[2J"]


@pytest.mark.parametrize("shard", [0, 1])
def test_a_data_file_that_is_missing_or_cut_is_noticed(shard: int, tmp_path: Path) -> None:
    for file in FORMS.glob("sharded-5.*"):
        shutil.copy(file, tmp_path)
    data = tmp_path / f"sharded-5.data-0000{shard}-of-00002"
    os.truncate(data, data.stat().st_size - 1)
    with pytest.raises(CheckpointError, match=rf"expected a file {data.name}, .* bytes; found"):
        describe(tmp_path / "sharded-5")
    data.unlink()
    with pytest.raises(CheckpointError, match=rf"expected a file {data.name}, .* no such file"):
        describe(tmp_path / "sharded-5")


def test_a_tf_data_iterator_and_a_hash_table_cross(tmp_path: Path) -> None:
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    iterator = iter(tf.data.Dataset.range(5))
    checkpoint = tf.train.Checkpoint(w=tf.Variable(0.0), iterator=iterator, table=table)
    template = checkpoint.save(str(tmp_path / "tf2"))
    source = write_names(tmp_path / "1", {"w": np.float32(3)})
    ignored = ["iterator/*", "table/*"]
    target = cross(
        CrossingMap(source, template, {"w": ["w"]}, ignore=ignored), source, tmp_path / "2"
    )
    next(iterator)
    checkpoint.restore(target).assert_consumed()
    assert float(checkpoint.w) == 3
    assert int(next(iterator)) == 0  # where the template's iterator stood


# ---- Anything at all ----------------------------------------------------------------------------

DAMAGED = ["model-5", "sharded-5.index", "sharded-5.meta", "frozen.pb", "whole.h5", "weights.index"]


def damaged(data: Any, name: str) -> bytes:
    """Returns a file with some bytes changed, cut, or repeated."""
    content = bytearray((FORMS / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["byte", "cut", "again"]))
        if kind == "byte":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "cut" and place > 8:
            del content[place:]
        else:
            content[place:place] = content[place : place + data.draw(st.integers(1, 64))]
    return bytes(content)


def read_all(path: Path) -> None:
    """Reads whatever is there, or is told in one line that it cannot be."""
    try:
        contents = describe(path)
        for name in contents.variables:
            contents.read(name)
    except SuiteError as error:
        assert str(error).isprintable()


def read_damaged(data: Any, folder: Path) -> None:
    name = data.draw(st.sampled_from(DAMAGED))
    for file in FORMS.glob(f"{name.partition('.')[0]}.data-*"):
        if not (folder / file.name).exists():
            shutil.copy(file, folder)
    (folder / name).write_bytes(damaged(data, name))
    read_all(folder / name)
    (folder / name).unlink()


QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LONG = settings(QUICK, max_examples=10_000, derandomize=False)


@QUICK
@given(data=st.data())
def test_damaged_files_end_in_one_line(data: Any, tmp_path: Path) -> None:
    read_damaged(data, tmp_path)


@pytest.mark.slow
@LONG
@given(data=st.data())
def test_many_damaged_files_end_in_one_line(data: Any, tmp_path: Path) -> None:
    read_damaged(data, tmp_path)


@pytest.mark.slow
@QUICK
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_list_of_checkpoints_is_read_or_damaged(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_bytes(content)
    read_state(str(tmp_path))
    read_all(tmp_path)


@given(st.text())
def test_what_is_shown_prints_in_one_line(text: str) -> None:
    assert shown(text).isprintable()
    assert shown(shown(text)) == shown(text)


def test_a_graph_whose_saver_names_no_node_is_refused_in_one_line(tmp_path: Path) -> None:
    graph = tf.compat.v1.MetaGraphDef()
    node = graph.graph_def.node.add(name="save/SaveV2", op="SaveV2")
    node.input.extend(["save/Const", "save/tensor_names", "save/shape_and_slices"])
    path = tmp_path / "model.meta"
    path.write_bytes(graph.SerializeToString())
    with pytest.raises(CheckpointError, match="expected an intact graph; found: a node names"):
        describe(path)
