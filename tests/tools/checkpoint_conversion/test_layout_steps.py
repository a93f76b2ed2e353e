"""The steps of a layout: there and back, in a map, with slots, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from checkpoint_programs import cross, tensors_of, write_names
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import load_map
from shared.tools.checkpoint_conversion.layout_steps import Step, step_of
from shared.tools.checkpoint_conversion.layouts import (
    Layout,
    Recurrent,
    cell_steps,
    shapes,
    shapes_between,
    to_tf1,
    to_tf2,
)

RANDOM = np.random.RandomState(0)


def steps_of(*tables: dict[str, Any]) -> list[Step]:
    return [step_of(table) for table in tables]


def there_and_back(steps: list[Step], arrays: list[np.ndarray]) -> list[np.ndarray]:
    found = [array.shape for array in arrays]
    between = [found]
    for step in steps:
        between.append(step.shapes(between[-1]))
    after = to_tf2(steps, arrays, True)
    assert [array.shape for array in after] == between[-1]
    return to_tf1(steps, between, after, True)


@st.composite
def exact_steps(draw: st.DrawFn) -> list[Step]:
    """Any steps that fit a tensor [4, 6] and one [6] and lose nothing."""
    found, listed = [(4, 6), (6,)], []
    for _ in range(draw(st.integers(1, 6))):
        tensor = draw(st.integers(0, len(found) - 1))
        shape = found[tensor]
        axis = draw(st.integers(0, len(shape) - 1))
        size = shape[axis]
        parts = draw(st.sampled_from([n for n in (1, 2, 3) if size % n == 0]))
        cut = draw(st.integers(0, size))
        table: dict[str, Any] = draw(
            st.sampled_from(
                [
                    {"permute": draw(st.permutations(range(parts)))},
                    {"interleave": draw(st.integers(1, 5))},
                    {"split": [cut, size - cut]},
                ]
            )
        )
        table["axis"] = axis
        others: list[dict[str, Any]] = [
            {"transpose": draw(st.permutations(range(len(shape))))},
            {"reshape": [*shape[::-1], 1]},
            {"unsum": 2},
            {"fill": 1.5, "shape": [2, 2]},
        ]
        chosen = draw(st.sampled_from([table, *others]))
        step = step_of({**chosen, "tensor": tensor})
        if draw(st.booleans()):
            step = step_of({"order": list(draw(st.permutations(range(len(found)))))})
        found = step.shapes(found)
        listed.append(step)
    return listed


@settings(max_examples=60, deadline=None)
@given(exact_steps())
def test_any_steps_there_and_back_give_the_bits(steps: list[Step]) -> None:
    arrays = [RANDOM.normal(size=s).astype(np.float32) for s in ((4, 6), (6,))]
    for before, after in zip(arrays, there_and_back(steps, arrays), strict=True):
        assert before.shape == after.shape and before.tobytes() == after.tobytes()


def test_what_is_joined_comes_apart_again() -> None:
    arrays = [np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(2, 2), np.arange(2.0)]
    steps = steps_of({"join": 2, "axis": -1})
    assert to_tf2(steps, arrays, True)[0].tolist() == [[0, 1, 2, 0, 1], [3, 4, 5, 2, 3]]
    for before, after in zip(arrays, there_and_back(steps, arrays), strict=True):
        assert before.tobytes() == after.tobytes()


def test_rows_that_embedding_lookup_deals_out_come_into_order() -> None:
    dealt = np.array([0, 3, 6, 1, 4, 2, 5])  # 7 ids in 3 partitions, by the strategy "mod"
    steps = steps_of({"interleave": 3})
    assert to_tf2(steps, [dealt], True)[0].tolist() == list(range(7))
    assert there_and_back(steps, [dealt])[0].tolist() == dealt.tolist()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"permute": [0, 2], "axis": 1}, "each part from 0 on once"),
        ({"permute": [1, 0, 2, 3], "axis": 1}, "4 equal parts; found an axis of 6"),
        ({"split": [1, 2]}, r"sizes of 4 in all; found \[1, 2\]"),
        ({"transpose": [0, 0]}, "each axis"),
        ({"reshape": [5]}, "as many elements"),
        ({"join": 2}, "tensors that fit"),
        ({"order": [0]}, "each of 2 tensors once"),
        ({"add": 1.0, "part": 4, "parts": 4}, "a part of an axis"),
        ({"permute": [0], "tensor": 2}, "a tensor from 0 to 1"),
        ({"permute": [0], "axis": 2}, "an axis of"),
        ({"interleave": 0}, "a number of partitions"),
        ({"sum": 2}, "tensors of one shape"),
        ({"turn": 1}, "one of permute, "),
        ({"permute": [0], "split": [4]}, "one of permute, "),
        ({"permute": [0], "parts": 4}, "only tensor, axis, permute"),
        ({"permute": "01"}, "a list of whole numbers"),
        ({"permute": [True]}, "a list of whole numbers"),
        ({"add": "1"}, "a number"),
    ],
)
def test_a_step_that_does_not_fit_is_refused(table: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        step_of(table).shapes([(4, 6), (6,)])


def test_a_step_is_written_as_it_was_read() -> None:
    tables: tuple[dict[str, Any], ...] = (
        {"permute": [1, 0], "tensor": 1, "axis": -1},
        {"add": 1.0, "part": 1, "parts": 4},
        {"fill": 1.0, "shape": [4]},
        {"reshape": []},
    )
    for table in tables:
        assert step_of(table).table() == table


def keras_cudnn(gates: int, kernel: Any, recurrent: Any, bias: Any) -> list[np.ndarray]:
    """What legacy Keras makes of CuDNN's weights when it loads them into LSTM or GRU."""
    hdf5_format = pytest.importorskip("tf_keras.src.saving.legacy.hdf5_format")
    layers = pytest.importorskip("tf_keras").layers
    layer = layers.LSTM(4) if gates == 4 else layers.GRU(4, reset_after=True)
    layer.build((None, 5, 3))
    return hdf5_format._convert_rnn_weights(layer, [kernel, recurrent, bias])


@pytest.mark.parametrize("cell", ["keras_cudnn_lstm", "keras_cudnn_gru"])
def test_weights_of_cudnn_layers_become_what_legacy_keras_makes_of_them(cell: str) -> None:
    arrays = [RANDOM.normal(size=s).astype(np.float32) for s in shapes(cell, 3, 4)[0]]
    found = to_tf2(cell_steps(cell, 3, 4), arrays, True)
    expected = keras_cudnn(4 if "lstm" in cell else 3, *arrays)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape and one.tobytes() == other.tobytes()


def write_map(folder: Path, tf1: str, tf2: str, text: str) -> Path:
    path = folder / "map.toml"
    path.write_text(f'[templates]\ntf1 = "{tf1}"\ntf2 = "{tf2}"\n{text}', encoding="utf-8")
    return path


def flattened(folder: Path) -> tuple[str, str, np.ndarray]:
    """A dense layer behind a flattened picture: channels first in TF1, last in TF2."""
    kernel = RANDOM.normal(size=[3 * 2 * 2, 5]).astype(np.float32)  # [channels, rows, columns]
    names = {"fc/kernel": kernel, "fc/kernel/Momentum": kernel + 1, "fc/kernel/Adam": kernel + 2}
    layer = tf.Variable(tf.zeros([12, 5]), name="kernel")
    optimizer = tf.keras.optimizers.SGD(0.5, momentum=0.9)
    optimizer.build([layer])
    tf2 = tf.train.Checkpoint(kernel=layer, optimizer=optimizer).save(str(folder / "tf2"))
    return write_names(folder / "tf1", names), tf2, kernel


FLATTENED = """
[[layout]]
tf1 = ["fc/kernel"]
tf2 = ["kernel"]
steps = [
  { reshape = [3, 2, 2, 5] },
  { transpose = [1, 2, 0, 3] },
  { reshape = [12, 5] },
]
[ignore]
tf1 = ["fc/kernel/Adam"]
tf2 = ["optimizer/_iterations"]
"""


def test_a_map_puts_channels_last_with_their_momentum_and_back(tmp_path: Path) -> None:
    tf1, tf2, kernel = flattened(tmp_path)
    found = load_map(write_map(tmp_path, tf1, tf2, FLATTENED))
    there = cross(found, tf1, tmp_path / "there", rate=0.5)
    expected = kernel.reshape(3, 4, 5).swapaxes(0, 1).reshape(12, 5)
    converted = describe(there)
    assert converted.read("kernel").numpy().tobytes() == expected.tobytes()
    slot = next(v for v in converted.variables.values() if v.role.slot)
    moved = (kernel + 1).reshape(3, 4, 5).swapaxes(0, 1).reshape(12, 5)
    # Times -0.5: a power of two, so that nothing is rounded.
    assert converted.read(slot.name).numpy().tobytes() == (moved * np.float32(-0.5)).tobytes()
    back = cross(found, there, tmp_path / "back", rate=0.5)
    assert tensors_of(back) == tensors_of(tf1)


def test_a_layout_that_does_not_lead_to_tf2_is_refused(tmp_path: Path) -> None:
    tf1, tf2, _ = flattened(tmp_path)
    text = FLATTENED.replace("{ reshape = [12, 5] }", "{ reshape = [5, 12] }")
    path = write_map(tmp_path, tf1, tf2, text)
    with pytest.raises(UsageError, match=r"expected \[12, 5\] in TF2, by its layout; found \[5"):
        cross(load_map(path), tf1, tmp_path / "there", rate=0.5)
    path = write_map(tmp_path, tf1, tf2, FLATTENED.replace("[3, 2, 2, 5]", "[3, 5]"))
    with pytest.raises(UsageError, match=r"step 1 \(reshape\) of its layout: expected as many"):
        cross(load_map(path), tf1, tmp_path / "there", rate=0.5)


def test_a_filled_tensor_comes_back_only_as_it_was(tmp_path: Path) -> None:
    tf1 = write_names(tmp_path / "tf1", {"bn/beta": np.ones([3], np.float32)})
    beta, gamma = tf.Variable(tf.zeros([3])), tf.Variable(tf.fill([3], 7.0))
    checkpoint = tf.train.Checkpoint(beta=beta, gamma=gamma)
    text = (
        '[variables]\n"bn/beta" = "beta"\n[[layout]]\ntf1 = []\ntf2 = ["gamma"]\n'
        "steps = [{ fill = 1.0, shape = [3] }]\n"
    )
    found = load_map(write_map(tmp_path, tf1, checkpoint.save(str(tmp_path / "tf2")), text))
    there = cross(found, tf1, tmp_path / "there")
    checkpoint.restore(there).assert_consumed()
    assert gamma.numpy().tolist() == [1, 1, 1]  # not the template's 7
    assert tensors_of(cross(found, there, tmp_path / "back")) == tensors_of(tf1)
    gamma.assign([1, 2, 1])
    with pytest.raises(CheckpointError, match="gamma: expected 1 everywhere, as TF1 has no such"):
        cross(found, checkpoint.save(str(tmp_path / "on")), tmp_path / "again")


def test_a_forget_bias_comes_back_with_its_bits_where_nothing_was_trained(tmp_path: Path) -> None:
    arrays = [RANDOM.normal(size=s).astype(np.float32) / 7 for s in shapes("lstm", 3, 4)[0]]
    tf1 = write_names(tmp_path / "tf1", {"k": arrays[0], "b": arrays[1]})
    layer = tf.keras.layers.LSTM(4)
    layer.build([None, 5, 3])
    tf2 = tf.train.Checkpoint(l=layer).save(str(tmp_path / "tf2"))
    names = [f"l/cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")]
    text = f'[[recurrent]]\ncell = "lstm"\ntf1 = ["k", "b"]\ntf2 = {names}\n'
    found = load_map(write_map(tmp_path, tf1, tf2, text))
    there = cross(found, tf1, tmp_path / "there")
    assert tensors_of(cross(found, there, tmp_path / "back")) == tensors_of(tf1)
    steps = list(cell_steps("lstm", 3, 4))
    between = shapes_between(Recurrent(("k",), ("l",), cell="lstm"), *shapes("lstm", 3, 4), "map")
    rounded = to_tf1(steps, between, to_tf2(steps, arrays, True), True)
    assert rounded[1].tobytes() != arrays[1].tobytes()  # without the template it would not


def test_a_layout_is_no_place_for_two_dtypes(tmp_path: Path) -> None:
    tf1 = write_names(tmp_path / "tf1", {"a": np.ones([2], np.float64)})
    tf2 = tf.train.Checkpoint(a=tf.Variable([0.0, 0.0])).save(str(tmp_path / "tf2"))
    text = '[[layout]]\ntf1 = ["a"]\ntf2 = ["a"]\nsteps = []\n'
    with pytest.raises(CheckpointError, match="expected one dtype in a layout"):
        cross(load_map(write_map(tmp_path, tf1, tf2, text)), tf1, tmp_path / "there")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[[layout]]\ntf1 = "a"\ntf2 = ["a"]\nsteps = []', "tf1: expected different names"),
        ('[[layout]]\ntf1 = ["a", "a"]\ntf2 = ["a"]\nsteps = []', "expected different names"),
        ('[[layout]]\ntf1 = ["a"]\ntf2 = ["a"]', "steps: expected a list of tables"),
        ('[[layout]]\ntf1 = ["a"]\ntf2 = ["a"]\nsteps = [{ turn = 1 }]', "step 1: expected one of"),
        ('[[layout]]\ntf1 = ["a"]\ntf2 = ["a"]\nsteps = []\nunsure = "?"', "no open question"),
        ('[layout]\ntf1 = ["a"]', "expected double brackets"),
        ('[[recurrent]]\ncell = "elman"\ntf1 = []\ntf2 = []', "cell: expected one of rnn, lstm"),
    ],
)
def test_a_layout_that_is_written_wrong_is_refused(
    text: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=expected.replace("[", r"\[")):
        load_map(write_map(tmp_path, "a", "b", text))


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000])
def test_a_map_that_python_cannot_read_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"expected a map in TOML; found") as caught:
        load_map(path)
    assert "\n" not in str(caught.value)


def test_layouts_of_maps_and_of_cells_are_one_kind_of_thing() -> None:
    steps = cell_steps("gru", 3, 4)
    one, other = shapes("gru", 3, 4)
    assert shapes_between(Layout(("a",), ("b",), tuple(steps)), one, other, "map")[-1] == other
