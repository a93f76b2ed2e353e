"""Two checkpoints compared tensor by tensor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import FILES, TF1Program, TF2Program, cross, proposed_map, write_names
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.differences import distances
from shared.tools.checkpoint_conversion.map_text import map_text
from shared.tools.checkpoint_conversion.proposal import propose
from shared.tools.commands import main

FORMS = FILES / "tf115_forms"


def f32(value: Any) -> np.ndarray:
    return np.array(value, np.float32)


def diff(*arguments: object) -> int:
    return main(["checkpoint", "diff", *map(str, arguments)])


def test_one_checkpoint_in_two_forms_is_equal(capsys: pytest.CaptureFixture[str]) -> None:
    assert diff(FORMS / "model-5", FORMS / "sharded-5") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "10 tensors: 10 bitwise equal"


def test_what_differs_is_named_and_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    equal = {"nan": f32([np.nan, np.inf]), "text": np.array([b"a"]), "[/red]": f32(1)}
    one = {"w": f32([3, 4]), "zero": f32([2]), "type": f32([1, 2]), "a": f32(0), "b\n": f32(1)}
    other = {"w": f32([3, 5]), "zero": f32([0]), "type": f32([[1, 2]]), "c": f32(0), "b\n": f32(1)}
    infinite = ({"far": f32([1, np.inf])}, {"far": f32([1, 2])})
    a = write_names(tmp_path / "a", {**one, **equal, **infinite[0]})
    b = write_names(tmp_path / "b", {**other, **equal, **infinite[1]})
    assert diff(a, b) == 1
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split("  ")[0]: line.split() for line in lines[3:-1]}
    assert rows["w"][1:] == ["different", f"{1 / 34**0.5:.3g}", "1"]
    assert rows["zero"][1:] == ["different", "inf", "2"]
    assert rows["far"][1:] == ["different"]
    assert " ".join(rows["type"][1:]) == "of another type float32 [2] in A, float32 [1, 2] in B"
    assert set(rows) == {"w", "zero", "far", "type", "a", "c"}
    expected = "4 bitwise equal, 3 different, 1 of another type, 1 only in A, 1 only in B"
    assert lines[-1] == f"10 tensors: {expected}"
    assert diff(a, b, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    tensors = {tensor["name"]: tensor for tensor in report["tensors"]}
    assert tensors["zero"]["relative"] == "inf"
    assert tensors["far"]["relative"] is None
    assert tensors["w"]["largest"] == 1


def test_one_last_bit_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = f32([1.0, 2.0])
    a = write_names(tmp_path / "a", {"w": value})
    b = write_names(tmp_path / "b", {"w": np.nextafter(value, f32(9))})
    assert diff(a, b) == 1
    assert diff(a, write_names(tmp_path / "c", {"w": value})) == 0
    capsys.readouterr()


def test_through_a_map_the_other_style_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = TF1Program(lambda: tf.compat.v1.train.MomentumOptimizer(0.1, 0.9))
    program.train(3)
    source = program.save(tmp_path / "1")
    optimizer = tf.keras.optimizers.SGD(0.1, momentum=0.9)
    template = TF2Program(optimizer).save(tmp_path / "2")
    target = cross(proposed_map(source, template), source, tmp_path / "3", rate=0.1)
    file = tmp_path / "map.toml"
    file.write_text(map_text(propose(describe(source), describe(template))), encoding="utf-8")
    flags = ["--map", file, "--learning-rate", "0.1"]
    assert diff(source, target, *flags) == 0
    # The rate and the save counter are Keras's and the Checkpoint's own.
    assert "8 tensors: 6 bitwise equal, 2 not compared" in capsys.readouterr().out
    assert diff(source, template, *flags) == 1
    assert "8 tensors: 6 different, 2 not compared" in capsys.readouterr().out
    assert diff(source, template) == 1  # no name in common but the step's
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        (FORMS / "model-5", FORMS / "nothing"),
        (FORMS / "model-5", FORMS / "sharded-5.meta"),
        (FORMS / "model-5", FORMS / "sharded-5", "--ignore", "w"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(
    arguments: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert diff(*arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ") and output.err.count("\n") == 1


def test_distances_by_hand() -> None:
    assert distances(np.array([True, False]), np.array([True, True])) == (0.5**0.5, 1)
    assert distances(np.array([1 + 1j]), np.array([1 + 0j])) == (1, 1)
    assert distances(tf.constant([1.5], tf.bfloat16), tf.constant([1.0], tf.bfloat16)) == (0.5, 0.5)
    assert distances(f32([]), f32([])) == (0, 0)
