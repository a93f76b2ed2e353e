"""Recurrent cells: the layouts of TF1 and Keras, there and back, in values and in checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import write_names
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import load_map
from shared.tools.checkpoint_conversion.layouts import (
    Recurrent,
    cell_steps,
    shapes,
    shapes_between,
    to_tf1,
    to_tf2,
)
from shared.tools.checkpoint_conversion.map_text import map_text
from shared.tools.checkpoint_conversion.plan import Options
from shared.tools.checkpoint_conversion.planner import make_plan
from shared.tools.checkpoint_conversion.proposal import propose

K = tf.keras
INPUTS, UNITS = 3, 4
NAMES = {
    "lstm": ("kernel", "bias"),
    "gru": ("gates/kernel", "gates/bias", "candidate/kernel", "candidate/bias"),
}
RANDOM = np.random.RandomState(0)


def to_keras(cell: str, arrays: list[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    return to_tf2(cell_steps(cell, INPUTS, UNITS, forget_bias=forget_bias), arrays, True)


def back(cell: str, arrays: list[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    steps = list(cell_steps(cell, INPUTS, UNITS, forget_bias=forget_bias))
    layout = Recurrent((cell,), (cell,), cell=cell, forget_bias=forget_bias)
    between = shapes_between(layout, *shapes(cell, INPUTS, UNITS), "map")
    return to_tf1(steps, between, arrays, True)


def tensors(cell: str) -> list[np.ndarray]:
    return [RANDOM.normal(size=s).astype(np.float32) for s in shapes(cell, INPUTS, UNITS)[0]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run_as_tf1(cell: str, t: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The last output, by the formulas of tensorflow/python/ops/rnn_cell_impl.py of 1.15."""
    h = c = np.zeros([len(x), UNITS])
    for step in range(x.shape[1]):
        if cell == "lstm":
            gates = np.concatenate([x[:, step], h], 1) @ t[0] + t[1]
            i, j, f, o = np.split(gates, 4, axis=1)
            c = sigmoid(f + 1) * c + sigmoid(i) * np.tanh(j)
            h = sigmoid(o) * np.tanh(c)
        else:
            r, u = np.split(sigmoid(np.concatenate([x[:, step], h], 1) @ t[0] + t[1]), 2, axis=1)
            candidate = np.tanh(np.concatenate([x[:, step], r * h], 1) @ t[2] + t[3])
            h = u * h + (1 - u) * candidate
    return h


def layer_of(cell: str) -> Any:
    layer = K.layers.LSTM(UNITS) if cell == "lstm" else K.layers.GRU(UNITS, reset_after=False)
    layer.build([None, 5, INPUTS])
    return layer


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_keras_layer_predicts_what_tf1_predicts(cell: str) -> None:
    old, layer = tensors(cell), layer_of(cell)
    x = RANDOM.normal(size=[6, 5, INPUTS]).astype(np.float32)
    layer.set_weights(to_keras(cell, old, 1.0))
    # float32 against float64 over five steps; one gate exchanged makes 0.1 and more.
    np.testing.assert_allclose(layer(x), run_as_tf1(cell, old, x), atol=2e-6)
    if cell == "lstm":
        layer.set_weights(to_keras(cell, old, 0.0))
        assert np.abs(layer(x) - run_as_tf1(cell, old, x)).max() > 0.01


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_there_and_back_gives_the_bits(cell: str) -> None:
    old = tensors(cell)
    for before, after in zip(old, back(cell, to_keras(cell, old, 0.0), 0.0), strict=True):
        assert before.tobytes() == after.tobytes()
    # Adding 1 to a bias rounds once to 2 ** -24 relative to the sum: at most 2 ** -22 below 4.
    for before, after in zip(old, back(cell, to_keras(cell, old, 1.0), 1.0), strict=True):
        np.testing.assert_allclose(after, before, rtol=0, atol=2**-22)


def checkpoints(folder: Path, cell: str) -> tuple[str, str]:
    names: dict[str, Any] = {}
    for name, tensor in zip(NAMES[cell], tensors(cell), strict=True):
        names[f"rnn/{cell}_cell/{name}"] = tensor
        names[f"rnn/{cell}_cell/{name}/Adam"] = tensor + 1
        names[f"rnn/{cell}_cell/{name}/Adam_1"] = tensor + 2
    names |= {"beta1_power": np.float32(0.9), "beta2_power": np.float32(0.999)}
    layer, optimizer = layer_of(cell), K.optimizers.Adam()
    optimizer.build(layer.trainable_variables)
    checkpoint = tf.train.Checkpoint(layer=layer, optimizer=optimizer)
    return write_names(folder / "tf1", names), checkpoint.save(str(folder / "tf2"))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_cell_is_proposed_with_its_layout_and_its_slots_follow(cell: str, tmp_path: Path) -> None:
    old, new = map(describe, checkpoints(tmp_path, cell))
    proposal = propose(old, new)
    assert [getattr(layout, "cell", None) for layout in proposal.layouts] == [cell]
    assert not proposal.doubts and proposal.without_partner() == ([], [])
    file = tmp_path / "map.toml"
    file.write_text(map_text(proposal), encoding="utf-8")
    plan = make_plan(old, new, load_map(file), Options())
    for write in plan.writes:
        role = write.target.role
        if role.slot:
            sources = [old.variables[name].role for name in write.sources]
            assert {source.slot for source in sources} == {role.slot}
            expected = to_keras(cell, [old.read(name).numpy() for name in write.sources], 0.0)
            assert any(np.array_equal(write.value(), value) for value in expected)


def two_cells(folder: Path, scopes: str, attributes: str) -> Any:
    cell = dict(zip(NAMES["lstm"], tensors("lstm"), strict=True))
    names = {f"{scope}/lstm_cell/{name}": cell[name] for scope in scopes for name in cell}
    layers = {attribute: layer_of("lstm") for attribute in attributes}
    tf2 = tf.train.Checkpoint(**layers).save(str(folder / "tf2"))
    return propose(describe(write_names(folder / "tf1", names)), describe(tf2))


def test_two_cells_of_one_shape_have_to_be_checked(tmp_path: Path) -> None:
    proposal = two_cells(tmp_path, "xy", "ab")
    assert len(proposal.layouts) == 2
    file = tmp_path / "map.toml"
    file.write_text(map_text(proposal), encoding="utf-8")
    with pytest.raises(UsageError, match=r"\[\[recurrent\]\]: expected no open question"):
        load_map(file)


def test_two_cells_in_scopes_of_the_names_that_the_port_gives_them_are_sure(tmp_path: Path) -> None:
    layouts = two_cells(tmp_path, "ab", "ba").layouts
    assert {layout.tf1[0][0]: layout.tf2[0][0] for layout in layouts} == {"a": "a", "b": "b"}
    assert not any(layout.unsure for layout in layouts)


def test_a_count_without_its_slots_is_refused(tmp_path: Path) -> None:
    w, optimizer = tf.Variable([0.0, 0.0]), K.optimizers.Adam()
    optimizer.build([w])
    tf2 = describe(tf.train.Checkpoint(w=w, optimizer=optimizer).save(str(tmp_path / "tf2")))
    names = {"w": np.ones([2], np.float32), "global_step": np.int64(3000)}
    tf1 = describe(write_names(tmp_path / "tf1", names))
    ignored = ["optimizer/_variables/*"]
    with pytest.raises(CheckpointError, match="expected the slots that were counted; found 2"):
        make_plan(tf1, tf2, propose(tf1, tf2).map(), Options(ignore=ignored))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("w/MyAdam", "w/MyAdam_1", "beta1_power", "beta2_power"), ["TF1 Adam"]),
        (("w/adam_m", "w/adam_v"), ["TF1 Adam"]),
        (("w/t_0/Adam", "w/t_0/Adam_1"), ["TF1 Adam"]),
        (("training/Adam/w/m", "training/Adam/w/v"), ["TF1 Adam"]),
        (("w/Ftrl", "w/Ftrl_1"), ["TF1 Ftrl"]),
        (("w/Opt",), ["state of an unknown optimizer (Opt)"]),
        (("other",), []),
    ],
)
def test_state_is_known_by_its_form(
    names: tuple[str, ...], expected: list[str], tmp_path: Path
) -> None:
    shapes_of = {name: [] if "power" in name else [2] for name in ("w", *names)}
    written = {name: np.zeros(shape, np.float32) for name, shape in shapes_of.items()}
    found = describe(write_names(tmp_path / "tf1", written))
    assert [optimizer.label() for optimizer in found.optimizers] == expected
