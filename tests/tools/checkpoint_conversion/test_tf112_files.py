"""Files that TensorFlow 1.12 wrote otherwise than 1.15: Keras's optimizer, and objects.

Each was written after five updates of a small model on `inputs`; beside it lie the outputs of 1.12
then, and the losses of the five updates that followed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import tensors_of
from shared.errors import UsageError
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.plan import Options
from shared.tools.checkpoint_conversion.planner import make_plan
from shared.tools.checkpoint_conversion.proposal import propose
from shared.tools.checkpoint_conversion.writing import write_checkpoint
from shared.tools.commands import main

FILES = Path(__file__).parents[2] / "files" / "conversion" / "tf112"
K, L = tf.keras, tf.keras.layers
# One model under two builds of TensorFlow: a few roundings of 6e-8 for values near 1, and what
# five updates make of them. Without its moments, Adam's losses are 0.01 off.
TOLERANCE = 5e-6


def inputs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    x, y = (random.normal(size=[8, n]).astype("f") for n in (3, 2))
    return x, y


def model(normalized: bool) -> Any:
    between = [L.BatchNormalization(name="bn")] if normalized else []
    hidden = L.Dense(4, "relu", name="hidden")
    return K.Sequential([K.Input([3]), hidden, *between, L.Dense(2, name="out")])


class Program:
    """A port: a model, its optimizer, and its checkpoint."""

    def __init__(self, normalized: bool, epsilon: float, **more: Any) -> None:
        self.model = model(normalized)
        self.optimizer = K.optimizers.Adam(0.01, epsilon=epsilon)
        self.optimizer.build(self.model.trainable_variables)
        self.training = normalized
        objects = {"model": self.model, "optimizer": self.optimizer, **more}
        self.checkpoint = tf.train.Checkpoint(**objects)

    def loss_of_an_update(self) -> float:
        x, y = inputs()
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.model(x, training=self.training) - y))
        variables = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return float(loss)


CASES: dict[str, Callable[[], Program]] = {
    "keras_adam.h5": lambda: Program(True, 1e-7),
    "objects-1": lambda: Program(False, 1e-8, step=tf.Variable(0, dtype=tf.int64)),
    "keras_weights": lambda: Program(True, 1e-8),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param("keras_adam.h5", marks=pytest.mark.slow), "objects-1", "keras_weights"],
)
def test_a_file_of_1_12_crosses_without_an_edit_and_comes_back(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    K.backend.clear_session()
    program, source = CASES[name](), str(FILES / name)
    there, back = str(tmp_path / "there-5"), str(tmp_path / name.replace("objects", "back"))
    template = program.checkpoint.save(str(tmp_path / "template"))
    assert main(["checkpoint", "map", source, template]) == 0
    (tmp_path / "map.toml").write_text(capsys.readouterr().out, encoding="utf-8")
    convert = ["checkpoint", "convert", "--map", str(tmp_path / "map.toml")]
    assert main([*convert, source, there, "--to", "tf2"]) == 0
    program.checkpoint.restore(there).assert_consumed()
    expected = np.load(FILES / f"{Path(name).stem}.npz")
    outputs = program.model(inputs()[0], training=False)
    assert np.abs(outputs - expected["outputs"]).max() < TOLERANCE
    losses = [program.loss_of_an_update() for _ in range(6)][1:]
    assert np.abs(losses - expected["losses"]).max() < TOLERANCE
    assert main([*convert, there, back, "--to", "tf1"]) == 0
    assert main(["checkpoint", "diff", source, back]) == 0
    if not name.endswith(".h5"):
        assert tensors_of(back) == tensors_of(source)  # all keys, the object graph among them


def test_inspect_knows_what_1_12_left() -> None:
    roles = {n: v.role for n, v in describe(FILES / "keras_adam.h5").variables.items()}
    assert roles["training/Adam/Variable"].slot_of == "hidden/kernel"
    assert roles["training/Adam/Variable_11"].slot_of == "out/bias"
    assert roles["training/Adam/Variable_11"].slot == "Adam.v"
    objects = describe(FILES / "objects-1")
    assert [optimizer.label() for optimizer in objects.optimizers] == ["TF1 Adam at optimizer"]


def test_a_checkpoint_of_tensorflow_2_is_no_side_of_tensorflow_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = Program(False, 1e-8).checkpoint.save(str(tmp_path / "template"))
    assert main(["checkpoint", "map", template, template]) == 2
    assert "expected a checkpoint that is name-based; found object-based" in capsys.readouterr().err


def test_a_numbered_slot_of_another_parameter_is_refused(tmp_path: Path) -> None:
    K.backend.clear_session()
    program, source = CASES["keras_adam.h5"](), describe(FILES / "keras_adam.h5")
    template = describe(program.checkpoint.save(str(tmp_path / "template")))
    found = propose(source, template).map()
    pairs: Any = found.variables
    names = "training/Adam/Variable_1", "training/Adam/Variable_3"  # of a bias and of a beta
    pairs[names[0]], pairs[names[1]] = pairs[names[1]], pairs[names[0]]
    with pytest.raises(UsageError, match=r"expected a slot of .* which is .hidden/bias.; found"):
        make_plan(source, template, found, Options())


def test_an_optimizer_that_starts_anew_is_seen_in_the_losses(tmp_path: Path) -> None:
    K.backend.clear_session()
    program, source = CASES["keras_adam.h5"](), describe(FILES / "keras_adam.h5")
    template = describe(program.checkpoint.save(str(tmp_path / "template")))
    anew = Options(ignore=["optimizer/*", "training/*", "Adam/*"])
    plan = make_plan(source, template, propose(source, template).map(), anew)
    write_checkpoint(plan, str(tmp_path / "there"))
    program.checkpoint.restore(str(tmp_path / "there")).assert_consumed()
    losses = [program.loss_of_an_update() for _ in range(6)][1:]
    expected = np.load(FILES / "keras_adam.npz")["losses"]
    distance = np.abs(losses - expected).max()
    assert distance > 100 * TOLERANCE, distance
