"""Every style file as a program: train, evaluate, predict, resume, stop, and what goes wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forked_python
from few_images import few_images
from large_models import large_are_slow, smallest_is_quick
from saved import restore
from shared.models import PAIRS, STYLES
from shared.program.progress import TrainingResult

ROOT = Path(__file__).parents[2]
FILES = [(style, name) for name in PAIRS for style in STYLES]
QUICK = {
    "linear_regression": "4",
    "relu_regression": "200",
    "softmax_regression": "20",
    "mlp": "20",
    "cnn": "4",
    "residual_network": "4",
    "recurrent_network": "6",
    "embeddings": "20",
    "adversarial": "4",
}


def run(style: str, name: str, *arguments: str) -> int:
    """Runs the script's `main` here; a process of its own for each would take minutes."""
    return PAIRS[name].module(style).PROGRAM.main(list(arguments))


@pytest.mark.parametrize(("style", "name"), large_are_slow(FILES))
def test_train_then_evaluate_then_predict(
    style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--checkpoint-dir", str(tmp_path)]
    assert run(style, name, "train", "--steps", QUICK[name], *folder) == 0
    trained = capsys.readouterr().out
    assert run(style, name, "evaluate", *folder) == 0
    evaluated = capsys.readouterr().out
    assert evaluated.splitlines()[0] in trained  # the same loss, restored by another model object
    assert run(style, name, "predict", *folder) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert "prediction" in header or "generated image" in header
    assert len(rows) in (9, 10, 20)
    assert len({len(line) for line in (header, *rows)}) == 1  # aligned


PREDICT_ALL = """
import importlib, json, sys
for file, flags in json.loads(sys.argv[1]):
    assert importlib.import_module(file).PROGRAM.main(["predict", *flags]) == 0
"""


@pytest.mark.slow
def test_predict_restores_every_model_in_a_new_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = {}
    for style, name in FILES:
        data = [f"--data={file}" for file in few_images(name, tmp_path).values()]
        flags[style, name] = ["--checkpoint-dir", str(tmp_path / style / name), *data]
        assert run(style, name, "train", "--steps", "2", *flags[style, name]) == 0
    capsys.readouterr()
    for style, name in FILES:
        run(style, name, "predict", *flags[style, name])
    expected = capsys.readouterr().out
    assert expected.count("prediction") + expected.count("generated image") == len(FILES)
    programs = [(f"{style}.{name}", given) for (style, name), given in flags.items()]
    command = [sys.executable, "-c", PREDICT_ALL, json.dumps(programs)]
    found = forked_python.run(command, check=True)
    assert found.stdout == expected


@pytest.mark.parametrize(("style", "name"), large_are_slow(FILES))
def test_resuming_equals_an_uninterrupted_run(
    style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, images = int(QUICK[name]), few_images(name, tmp_path)

    def train(steps: int, folder: str) -> TrainingResult:
        module = PAIRS[name].module(style)
        config = module.Config(steps=steps, checkpoint_dir=folder, **images)
        trained: TrainingResult = module.PROGRAM.train(config)
        return trained

    whole, halves = train(steps, str(tmp_path / "whole")), str(tmp_path / "halves")
    train(steps // 2, halves)
    capsys.readouterr()
    resumed = train(steps, halves)
    assert f"resumed at step {steps // 2} from {halves}" in capsys.readouterr().out
    assert len(resumed.losses) == steps - steps // 2
    assert whole.losses[steps // 2 :].tobytes() == resumed.losses.tobytes()
    for variable, value in whole.variables.items():
        assert np.array_equal(value, resumed.variables[variable]), variable


@pytest.mark.parametrize(("style", "name"), smallest_is_quick(FILES))
def test_the_last_three_checkpoints_are_kept(style: str, name: str, tmp_path: Path) -> None:
    module = PAIRS[name].module(style)
    settings = {"checkpoint_dir": str(tmp_path), **few_images(name, tmp_path)}
    for steps in (1, 2, 3, 4):  # in four runs: each must know the files of those before it
        module.PROGRAM.train(module.Config(steps=steps, **settings))
    indices = sorted(file.name for file in tmp_path.glob("*.index"))
    assert indices == ["model-2.index", "model-3.index", "model-4.index"]


def test_a_saver_needs_its_graph_and_makes_one_folder(tmp_path: Path) -> None:
    model = PAIRS["softmax_regression"].create("tf1_style")
    path = model.save(tmp_path / "made")  # a Path does, and a folder that is not there
    assert Path(path).parent == tmp_path / "made"
    with pytest.raises(ValueError, match=r"Parent directory of .*/one/two/model doesn't exist"):
        model.save(str(tmp_path / "one" / "two"))
    saver, session = model.saver, model.session
    for outside in (saver.save, saver.restore):
        with pytest.raises(ValueError, match="when executing eagerly"):
            outside(session, path)
    other = PAIRS["softmax_regression"].create("tf2_style")
    assert Path(other.save(tmp_path / "one" / "two")).parent == tmp_path / "one" / "two"


@pytest.mark.parametrize("style", STYLES)
def test_nothing_left_to_train(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--steps", "3", "--checkpoint-dir", str(tmp_path)]
    run(style, "linear_regression", *arguments)
    capsys.readouterr()
    assert run(style, "linear_regression", *arguments) == 0
    assert "step 3 is reached already" in capsys.readouterr().out


@pytest.mark.parametrize("style", STYLES)
def test_a_dead_start_is_named(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "--steps", "200", "--checkpoint-dir", str(tmp_path)]
    assert run(style, "relu_regression", *arguments, "--initial-weight", "-1") == 0
    output = capsys.readouterr().out
    assert "warning: dead ReLU: weight -1 and bias 0" in output
    assert "accuracy   0\n" in output


@pytest.mark.parametrize("name", large_are_slow(["relu_regression", "mlp", "cnn"]))
def test_a_live_start_is_not_called_dead(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("tf2_style", name, "train", "--steps", "1", "--checkpoint-dir", str(tmp_path))
    assert "warning" not in capsys.readouterr().out


# Numbers that cannot be used.


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [
        ("--steps", "0", "a whole number of at least 1, found '0'"),
        ("--steps", "ten", "a whole number of at least 1, found 'ten'"),
        ("--batch-size", "-5", "a whole number of at least 1, found '-5'"),
        ("--learning-rate", "nan", "a finite number above 0, found 'nan'"),
        ("--learning-rate", "0", "a finite number above 0, found '0'"),
        ("--keep-probability", "1.5", "a number above 0 and at most 1, found '1.5'"),
        ("--seed", "-1", "a whole number from 0 to 4294967295, found '-1'"),
        ("--batch-size", "20000", "1 to 10000 (the number of training examples), found 20000"),
        ("--data", "nowhere", "found"),
    ],
)
@pytest.mark.parametrize("style", STYLES)
def test_a_value_that_cannot_be_used(
    style: str,
    flag: str,
    value: str,
    expected: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["train", "--checkpoint-dir", str(tmp_path / "new"), f"{flag}={value}"]
    try:
        code: Any = run(style, "cnn", *arguments)
    except SystemExit as exit:  # argparse ends the program itself
        code = exit.code
    error = capsys.readouterr().err
    assert code == 2
    assert flag.strip("-") in error or value in error
    assert expected in error
    assert "Traceback" not in error
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("style", "name"), large_are_slow(FILES))
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_nothing_to_restore(
    command: str, style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "nothing")
    assert run(style, name, command, "--checkpoint-dir", folder) == 2
    assert capsys.readouterr().err == (
        f"error: --checkpoint-dir {folder}: expected a checkpoint saved by `train`, found none\n"
    )


def test_a_checkpoint_of_the_other_optimizer_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--checkpoint-dir", str(tmp_path)]
    assert run("tf2_style", "relu_regression", "train", "--steps", "2", *folder) == 0
    capsys.readouterr()
    other = ["train", "--steps", "4", "--optimizer", "tf1", *folder]
    assert run("tf2_style", "relu_regression", *other) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/model-2: variable optimizer/_iterations: expected no such variable, "
        "found int64 []; so with 11 more\n"
    )


@pytest.mark.parametrize(("style", "name"), large_are_slow(FILES))
def test_a_folder_that_cannot_be_written_is_refused_before_training(
    style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below"):
        assert run(style, name, "train", "--checkpoint-dir", str(folder)) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err == (
            f"error: --checkpoint-dir {folder}: expected a folder to write in, "
            f"found a file: {file}\n"
        )
    assert file.read_text() == "mine"


@pytest.mark.parametrize("name", ["linear_regression", "relu_regression"])
@pytest.mark.parametrize("style", STYLES)
def test_a_checkpoint_of_the_other_style_is_refused(
    style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (other,) = set(STYLES) - {style}
    folder = ["--checkpoint-dir", str(tmp_path)]
    # `tf.train.Checkpoint` would read a Saver's file by the names of variables, and lose the slots.
    assert run(other, name, "train", "--steps", "2", *folder) == 0
    capsys.readouterr()
    assert run(style, name, "train", *folder) == 2
    kinds = {"tf1": "TensorFlow 1's Saver", "tf2": "TensorFlow 2's tf.train.Checkpoint"}
    assert capsys.readouterr().err == (
        f"error: {tmp_path}/model-2: expected a checkpoint of {kinds[style[:3]]}, found one of "
        f"{kinds[other[:3]]}; `pairs checkpoint convert --to {style[:3]}` makes one\n"
    )


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        run("tf2_style", "cnn", "train", "--help")
    assert exit.value.code == 0
    text = capsys.readouterr().out
    for flag in ("--data", "--steps", "--optimizer {keras,tf1}", "--checkpoint-dir"):
        assert flag in text


# In a process of its own: what a terminal sees.


def script(style: str, name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"{style}.{name}", *arguments]


@pytest.mark.parametrize(
    ("style", "signal_number"),
    [
        ("tf1_style", signal.SIGINT),
        pytest.param("tf2_style", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("tf1_style", signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param("tf2_style", signal.SIGINT, marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_the_resumed_run_equals_an_uninterrupted_one(
    style: str, signal_number: signal.Signals, tmp_path: Path
) -> None:
    command = script(
        style, "relu_regression", "train", "--steps", "100000000", "--report-every", "100"
    )
    process = subprocess.Popen(
        [*command, "--checkpoint-dir", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    heading, first = process.stdout.readline(), process.stdout.readline()  # training has begun
    process.send_signal(signal_number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert heading == "loss: sum over a batch; at the end: mean over all points\n"
    assert first.split()[0] == "step"
    assert errors == ""  # no chatter of TensorFlow
    *_, stopped, advice = output.splitlines()
    step = stopped.split()[3].rstrip(",")
    assert stopped == f"stopped at step {step}, saved to {tmp_path}/model-{step}"
    assert advice == "the same command goes on from there"
    assert (tmp_path / f"model-{step}.record").exists()
    module, results = PAIRS["relu_regression"].module(style), []
    for folder in (tmp_path, tmp_path / "uninterrupted"):
        config = module.Config(steps=int(step) + 50, report_every=100, checkpoint_dir=str(folder))
        results.append(module.PROGRAM.train(config))
    resumed, whole = results
    assert resumed.steps == whole.steps == int(step) + 50
    assert resumed.losses.tobytes() == whole.losses[-50:].tobytes()
    slots = []
    for folder in (tmp_path, tmp_path / "uninterrupted"):
        model = module.ReluRegression(module.Config())
        restore(model, str(folder))
        slots.append(model.variables() | model.slots())
    # Two parameters, two slots of each; TensorFlow 1 keeps powers of beta, Keras computes them.
    assert len(slots[0]) == (8 if style == "tf1_style" else 6)
    for name, value in slots[1].items():
        assert np.asarray(slots[0][name]).tobytes() == np.asarray(value).tobytes(), name
