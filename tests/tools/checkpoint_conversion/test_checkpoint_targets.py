"""Conversions into files of Keras, and what they refuse."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import forked_python
from checkpoint_programs import FILES, write_names
from shared.tools.checkpoint_conversion.contents import OBJECT_BASED, describe
from shared.tools.child_process import tf115_environment
from shared.tools.commands import main
from tf115_environment import require_tf115

FORMS = FILES / "tf115_forms"
ADAM = {"kernel": ("2", "3"), "bias": ("4", "5")}  # Keras numbers the slots of a parameter in turn


def fresh_model() -> Any:
    layer = tf.keras.layers.Dense(2, name="dense")
    model = tf.keras.Sequential([tf.keras.Input([3]), layer])
    model.compile(tf.keras.optimizers.Adam(epsilon=1e-7), "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def write_map(folder: Path, tf1: object, tf2: object, slots: bool = True) -> Path:
    """Writes a map from `whole.h5` of 1.15 to `fresh_model`."""
    names = describe(str(tf2)).variables
    if "layers/dense/vars/0" in names:
        weights = {"kernel": "layers/dense/vars/0", "bias": "layers/dense/vars/1"}
        prefix, count = "optimizer/vars/", "optimizer/vars/0"
    else:
        aliased = {v.aliases[0]: name for name, v in names.items() if v.aliases}
        weights = {part: aliased[f"dense/{part}"] for part in ADAM}
        prefix, count = "optimizer/_variables/", "optimizer/_iterations"
    pairs = {f"dense/{part}": name for part, name in weights.items()}
    lines = ["[templates]", f'tf1 = "{tf1}"', f'tf2 = "{tf2}"', "[variables]"]
    for part, numbers in ADAM.items():
        for slot, number in zip("mv", numbers, strict=True):
            pairs |= {f"training/Adam/dense/{part}/{slot}": prefix + number} if slots else {}
    pairs |= {"training/Adam/iter": count} if slots else {}
    lines += [f'"{one}" = "{two}"' for one, two in pairs.items()]
    lines += [] if slots else ["[ignore]", 'tf1 = ["training/*"]', 'tf2 = ["optimizer/*"]']
    file = folder / "map.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def convert(source: object, target: object, style: str, map_file: Path, *flags: str) -> int:
    command = ["checkpoint", "convert", str(source), str(target), "--to", style]
    return main([*command, "--map", str(map_file), *flags])


def require_1_15s_values(model: Any) -> None:
    """Fails unless a model predicts what 1.15 did, and its optimizer goes on from there."""
    data = np.load(FORMS / "keras.npz")
    # Three products and a sum in float32: a few roundings apart.
    assert np.abs(model.predict(data["inputs"], verbose=0) - data["outputs"]).max() <= 1e-6
    source = describe(FORMS / "whole.h5")
    assert int(model.optimizer.iterations) == 3
    kernel, bias = model.optimizer._momentums
    for name, slot in (("kernel", kernel), ("bias", bias)):
        expected = source.read(f"training/Adam/dense/{name}/m").numpy()
        assert slot.numpy().tobytes() == expected.tobytes()


@pytest.mark.parametrize("ending", [".keras", ".weights.h5"])
def test_a_whole_model_of_1_15_becomes_one_of_keras_3(ending: str, tmp_path: Path) -> None:
    template = tmp_path / "template.keras"
    fresh_model().save(template)
    assert describe(template).scheme == OBJECT_BASED
    target = tmp_path / "out" / f"model{ending}"
    file = write_map(tmp_path, FORMS / "whole.h5", template)
    assert convert(FORMS / "whole.h5", target, "tf2", file) == 0
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]
    if ending == ".keras":
        model = tf.keras.models.load_model(target)
    else:
        model = fresh_model()
        model.load_weights(target)
    require_1_15s_values(model)


def test_weights_of_keras_3_alone_are_a_template_but_for_slots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template, target = tmp_path / "template.weights.h5", tmp_path / "out.weights.h5"
    fresh_model().save_weights(template)
    file = write_map(tmp_path, FORMS / "whole.h5", template)
    assert convert(FORMS / "whole.h5", target, "tf2", file) == 2
    # Numbered alone: nothing says that 2 and 3 are Adam's, and not SGD's, which has another scale.
    expected = "expected a slot of an unknown name, as optimizer/vars/2 is; found a slot Adam.m"
    assert expected in capsys.readouterr().err
    file = write_map(tmp_path, FORMS / "whole.h5", template, slots=False)
    assert convert(FORMS / "whole.h5", target, "tf2", file) == 0
    model = fresh_model()
    model.load_weights(target)
    data = np.load(FORMS / "keras.npz")
    assert np.abs(model.predict(data["inputs"], verbose=0) - data["outputs"]).max() <= 1e-6


LOADED = """
import sys, numpy, tensorflow as tf
inputs, found = numpy.load(sys.argv[1])["inputs"], []
for path in sys.argv[2:4]:
    model = tf.keras.models.load_model(path)
    found.append(model.predict(inputs))
numpy.savez(sys.argv[4], before=found[0], now=found[1], iterations=model.optimizer.get_weights()[0])
"""


@pytest.mark.tf115
def test_a_whole_model_comes_back_and_real_1_15_loads_it(tmp_path: Path) -> None:
    template = tmp_path / "template.keras"
    fresh_model().save(template)
    source = FORMS / "whole.h5"
    file = write_map(tmp_path, source, template)
    there, back = tmp_path / "there.keras", tmp_path / "back.h5"
    assert convert(source, there, "tf2", file) == 0
    assert convert(there, back, "tf1", file) == 0
    for name in (one := describe(source)).variables:
        assert one.read(name).numpy().tobytes() == describe(back).read(name).numpy().tobytes()
    python, result = require_tf115(), tmp_path / "result.npz"
    command = [python, "-c", LOADED, FORMS / "keras.npz", source, back, result]
    done = forked_python.run(command, env=tf115_environment())
    assert done.returncode == 0, done.stderr[-2000:]
    # Computed here both times: in what order a product is added depends on the processor.
    with np.load(result) as loaded:
        assert loaded["now"].tobytes() == loaded["before"].tobytes()
        assert loaded["now"].any()
        assert loaded["iterations"] == 3


def test_a_file_of_keras_is_never_lost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, target = tmp_path / "template.weights.h5", tmp_path / "out.weights.h5"
    fresh_model().save_weights(template)
    file = write_map(tmp_path, FORMS / "whole.h5", template, slots=False)
    target.write_text("mine", encoding="utf-8")
    assert convert(FORMS / "whole.h5", target, "tf2", file) == 2
    assert "expected a new name, or a file and --force; found it taken" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "mine"
    assert convert(FORMS / "whole.h5", template, "tf2", file, "--force") == 2
    assert "expected another file than what is read" in capsys.readouterr().err
    assert convert(FORMS / "whole.h5", target, "tf2", file, "--force") == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "map.toml",
        "out.weights.h5",
        "template.weights.h5",
    ]


@pytest.mark.parametrize("name", ["out.h5", "out.keras", "out"])
def test_a_name_of_another_form_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = tmp_path / "template.weights.h5"
    if name == "out":
        fresh_model().save_weights(template)
        file = write_map(tmp_path, FORMS / "whole.h5", template, slots=False)
        assert convert(FORMS / "whole.h5", tmp_path / name, "tf2", file) == 2
        assert "DST: expected a name that ends in .weights.h5" in capsys.readouterr().err
        return
    tf2 = tf.train.Checkpoint(w=tf.Variable(0.0)).save(str(tmp_path / "tf2"))
    tf1 = write_names(tmp_path / "tf1", {"w": np.float32(1)})
    file = tmp_path / "map.toml"
    lines = f'[templates]\ntf1 = "{tf1}"\ntf2 = "{tf2}"\n[variables]\nw = "w"\n'
    file.write_text(lines, encoding="utf-8")
    assert convert(tf1, tmp_path / name, "tf2", file) == 2
    assert "DST: expected a prefix, as the template is a checkpoint" in capsys.readouterr().err


def test_an_archive_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.make_archive(str(tmp_path / "archive"), "zip", FILES / "tf112")
    assert main(["checkpoint", "inspect", str(tmp_path / "archive.zip")]) == 2
    error = capsys.readouterr().err
    assert "archive.zip: expected a model that Keras can build without code of its own" in error
    assert error.count("\n") == 1
