"""Checkpoints that hold the right names and the wrong things: each command ends in one line."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from checkpoint_programs import write_names
from shared.tools.commands import main

NAMES = (
    "w",
    "b",
    "w/Adam",
    "w/Adam_1",
    "b/Adam",
    "beta1_power",
    "beta2_power",
    "global_step",
    "w/Momentum",
)
ATTRIBUTES = (
    *("w", "b", "m", "v", "beta1_power", "beta2_power", "momentums", "global_step", "step", "iter"),
    *("_variables", "_iterations", "_learning_rate", "_trainable_variables", "_momentums"),
    "optimizer",
)
VALUES: tuple[Any, ...] = (
    *(np.float32(0.5), np.float32(0), np.ones(2, np.float32), np.ones([2, 3], np.float32)),
    *(
        np.int64(3),
        np.array([3, 4], np.int32),
        np.float64(0.999),
        np.float32(0.999),
        np.array(b"text"),
    ),
    *(np.float32("nan"), np.zeros(0, np.float32), np.bool_(True), np.complex64(1)),
)


def odd_names(random: Random, folder: Path) -> str:
    """Writes a name-based checkpoint in which some names have any value."""
    chosen = random.sample(NAMES, random.randint(1, len(NAMES)))
    return write_names(folder / "names", {name: random.choice(VALUES) for name in chosen})


def odd_object(random: Random, depth: int = 0) -> Any:
    """Returns a variable, nothing, a list with holes, or an object with some of the attributes."""
    kind = random.random() if depth else 1
    if kind < 0.5 or depth > 2:
        return tf.Variable(random.choice(VALUES))
    made = tf.train.Checkpoint()
    lists = depth and kind < 0.75
    places = [str(place) for place in range(4)] if lists else list(ATTRIBUTES)
    for name in random.sample(places, random.randint(0, len(places))):
        setattr(made, name, odd_object(random, depth + 1))
    return made


def odd_objects(random: Random, folder: Path) -> str:
    """Writes an object-based checkpoint of any such object."""
    path: str = odd_object(random).write(str(folder / "objects"))
    return path


def is_one_error(text: str) -> bool:
    return text.startswith("error: ") and text.count("\n") == 1


def run_all(seed: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> int:
    """Inspects, compares, maps and converts odd checkpoints; returns how many errors there were."""
    random = Random(seed)
    folder.mkdir()
    names, objects = odd_names(random, folder), odd_objects(random, folder)
    codes = []
    for arguments in (
        ["inspect", names],
        ["inspect", objects],
        ["diff", names, objects],
        ["map", names, objects],
    ):
        codes.append(main(["checkpoint", *arguments]))
        printed = capsys.readouterr()
        assert codes[-1] in (0, 1, 2), arguments
        assert codes[-1] < 2 or is_one_error(printed.err), printed.err
    if codes[-1] == 0:
        (folder / "map.toml").write_text(printed.out)
        flags = ["--to", "tf2", "--map", str(folder / "map.toml")]
        codes.append(main(["checkpoint", "convert", names, str(folder / "new-1"), *flags]))
        printed = capsys.readouterr()
        assert codes[-1] < 2 or is_one_error(printed.err), printed.err
    return codes.count(2)


def test_some_odd_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [run_all(seed, tmp_path / str(seed), capsys) for seed in range(15)]
    assert sum(errors) > 0


@pytest.mark.slow
def test_many_odd_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    errors = [run_all(seed, tmp_path / str(seed), capsys) for seed in range(15, 300)]
    assert sum(errors) > 0
