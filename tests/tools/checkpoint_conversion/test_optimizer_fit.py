"""Optimizers that keep different slots are refused in one line, whose flags make it run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from checkpoint_programs import cross, plan_for, write_names
from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
from shared.tools.checkpoint_conversion.proposal import propose

keras = tf.keras.optimizers
POWERS = {"beta1_power": 0.9, "beta2_power": 0.999}
ADAM = ("kernel/Adam", "kernel/Adam_1")
ADAM_ANEW = ["*/Adam", "*/Adam_1", *POWERS, "global_step", "optimizer/*"]
SPEC = tuple[Sequence[str], dict[str, float], Callable[[], Any], str, list[str]]
CASES: dict[str, SPEC] = {
    "TF1's Nadam": (
        ADAM,
        POWERS,
        keras.Nadam,
        r"Adam's m, v in TF1, nadam's momentums, velocities in the port \(Keras's Nadam also keeps "
        r"the product of its schedule of momentum \(_u_product\).*: build the port with Keras's "
        "Adam, or let",
        ADAM_ANEW,
    ),
    "Adam in a port with SGD": (
        ADAM,
        POWERS,
        keras.SGD,
        "Adam's m, v in TF1, nothing in the port: build the port with Keras's Adam, or let",
        ADAM_ANEW,
    ),
    "no slots in a port with Adam": (
        (),
        {},
        keras.Adam,
        "nothing in TF1, Adam's m, v in the port: let the target's optimizer start anew",
        ["global_step", "optimizer/*"],
    ),
    "RMSProp whose momentum is 0": (
        ("kernel/RMSProp", "kernel/RMSProp_1"),
        {},
        keras.RMSprop,
        "RMSProp's momentum, rms in TF1, RMSProp's rms in the port .TF1 keeps it with momentum=0 "
        "too, and then never reads it.: leave them out",
        ["*/RMSProp_1"],
    ),
    "Momentum in a port without": (
        ("kernel/Momentum",),
        {},
        keras.SGD,
        "Momentum's accumulator in TF1, nothing in the port .Keras's SGD keeps it with a momentum "
        "above 0 only.: build the port with Keras's SGD with a momentum, or let",
        ["*/Momentum", "global_step", "optimizer/*"],
    ),
    "dual averaging": (
        ("kernel/AdagradDA", "kernel/AdagradDA_1"),
        {},
        keras.Adagrad,
        "AdagradDA's gradient, gradient_squared in TF1, Adagrad's accumulator in the port "
        ".Keras has no dual averaging.: let",
        ["*/AdagradDA", "*/AdagradDA_1", "global_step", "optimizer/*"],
    ),
    "the buffer of CuDNN": (
        ("cudnn_lstm/opaque_kernel/Adam", "cudnn_lstm/opaque_kernel/Adam_1"),
        POWERS,
        keras.Adam,
        "CuDNN buffer's Adam, Adam_1 in TF1, Adam's m, v in the port .only cuDNN, on a GPU, tells",
        ADAM_ANEW,
    ),
}


def program(folder: Path, slots: Sequence[str], powers: dict[str, float], made: Any) -> CrossingMap:
    """Writes both sides of one kernel [3, 2] and its optimizer; returns the sure map."""
    kernel = tf.Variable(tf.zeros([3, 2]))
    optimizer = made()
    optimizer.build([kernel])
    checkpoint = tf.train.Checkpoint(kernel=kernel, optimizer=optimizer)
    tensors = {"kernel": tf.ones([3, 2]), **dict.fromkeys(slots, tf.ones([3, 2]))}
    tensors = {n: tf.ones([60]) if "opaque" in n else value for n, value in tensors.items()}
    step = tf.constant(0, tf.int64)
    tf1 = write_names(folder / "tf1", {**tensors, **powers, "global_step": step})
    return propose(describe(tf1), describe(checkpoint.save(str(folder / "tf2")))).map()


@pytest.mark.parametrize("name", CASES)
def test_what_differs_is_named_with_the_flags_that_help(name: str, tmp_path: Path) -> None:
    slots, powers, made, expected, patterns = CASES[name]
    found = program(tmp_path, slots, powers, made)
    with pytest.raises(CheckpointError, match=expected) as caught:
        plan_for(found, found.tf1)
    message = str(caught.value)
    assert "\n" not in message
    flags = shlex.split(message[message.index("--ignore") :])
    assert flags == [word for pattern in patterns for word in ("--ignore", pattern)]
    there = cross(found, found.tf1, tmp_path / "there", ignore=tuple(patterns))
    assert describe(there).read("kernel").numpy().tobytes() == tf.ones([3, 2]).numpy().tobytes()


def test_the_way_back_names_the_same(tmp_path: Path) -> None:
    found = program(tmp_path, ADAM, POWERS, keras.Nadam)
    with pytest.raises(CheckpointError, match=r"Adam's m, v in TF1, nadam's .* anew") as caught:
        plan_for(found, found.tf2)
    patterns = tuple(shlex.split(str(caught.value).partition(" with --")[2])[1::2])
    back = cross(found, found.tf2, tmp_path / "back", ignore=patterns)
    assert describe(back).read("kernel/Adam").numpy().tolist() == tf.ones([3, 2]).numpy().tolist()


def test_a_line_that_the_map_lacks_is_no_misfit_of_optimizers(tmp_path: Path) -> None:
    found = program(tmp_path, ADAM, POWERS, keras.Adam)
    del found.variables["kernel/Adam"]  # type: ignore[attr-defined]
    with pytest.raises(CheckpointError, match="expected a partner for every tensor"):
        plan_for(found, found.tf1)
