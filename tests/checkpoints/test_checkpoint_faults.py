"""No crash and no damaged file costs more than the steps since the last save, and none is silent.

`make torture` is the whole of it; here is a small share of each kind, and what each must say.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from saved import restore, save
from shared.checkpoints import claim_folder
from shared.checkpoints.files import FILE, STATE
from shared.errors import CheckpointError, TrainingError
from shared.models import PAIRS, STYLES
from shared.program.tracing import not_finite
from torture.damage import damaged
from torture.kills import leftovers
from torture.models import SAVES, fingerprint, fresh, prepare, train
from torture.outcomes import EXACT, WRONG, judge

ROOT = Path(__file__).parents[2]
RELU = PAIRS["relu_regression"]


@pytest.mark.parametrize("style", STYLES)
def test_damage_to_any_file_costs_one_save_at_most(style: str, tmp_path: Path) -> None:
    for tally in damaged(style, tmp_path, flipped=7):
        assert tally.wrong == []
        if "one save" not in tally.kind:
            assert tally.counts[EXACT] == tally.tried, tally  # refused: not one


def naive(model: Any, folder: str, warn: Any) -> Any:
    """Restores as both styles would without `shared/checkpoints`."""
    path = tf.train.latest_checkpoint(folder)
    if path:
        with model.graph.as_default():
            model.saver.restore(model.session, path)
    return path


def test_the_suite_notices_a_restore_that_trusts_the_state_file(tmp_path: Path) -> None:
    wrong = [line for tally in damaged("tf1_style", tmp_path, 7, 0, naive) for line in tally.wrong]
    assert any("checkpoint cut at 1: training would start over" in line for line in wrong)
    assert any("index cut at 0: unclear error" in line for line in wrong)


def test_the_suite_notices_a_state_that_is_not_one_of_the_last_two(tmp_path: Path) -> None:
    saves, model = prepare("tf2_style", tmp_path), fresh("tf2_style")
    assert judge(model, tmp_path, saves[-2:])[0] == EXACT
    assert judge(model, tmp_path, saves[:1])[0] == WRONG
    assert judge(model, tmp_path, [saves[-1], saves[0]])[0] == WRONG  # older, and no warning


def test_kills_full_disks_and_second_writers() -> None:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "helpers")))
    command = [sys.executable, "-m", "torture", "--small"]
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = {line[:32].strip(): line[32:].split() for line in done.stdout.splitlines()}
    for style in STYLES:
        assert counts[f"{style} SIGKILL while saving"] == ["2", "2", "0", "0"]
        assert counts[f"{style} file-size limit"] == ["1", "0", "1", "0"]
        assert counts[f"{style} two writers"] == ["2", "1", "1", "0"]


# --- What is said ---


@pytest.mark.parametrize("style", STYLES)
def test_a_damaged_newest_is_reported_and_the_one_before_is_used(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saves = prepare(style, tmp_path)
    data = next(tmp_path.glob(f"model-{SAVES}.data-*"))
    size = data.stat().st_size
    data.write_bytes(data.read_bytes()[:9])
    model = fresh(style)
    assert restore(model, str(tmp_path)) == f"{tmp_path}/model-{SAVES - 1}"
    assert fingerprint(model) == saves[-2]
    assert capsys.readouterr().err == (
        f"warning: {tmp_path}: {data.name}: expected {size} bytes, found 9; "
        f"going on from {tmp_path}/model-{SAVES - 1}\n"
    )


@pytest.mark.parametrize("style", STYLES)
def test_with_nothing_intact_training_does_not_start_over(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(style, tmp_path)
    for index in tmp_path.glob("*.index"):
        index.write_bytes(b"")
    before = sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir())
    assert RELU.module(style).PROGRAM.main(["train", "--checkpoint-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}: expected an intact checkpoint, found none: ")
    assert error.count("\n") == 1 and error.count(".index: expected") == SAVES
    assert sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", ["garbage", 'model_checkpoint_path: "model-9"\n', ""])
def test_a_list_without_its_checkpoints_is_no_new_folder(content: str, tmp_path: Path) -> None:
    (tmp_path / STATE).write_text(content)
    with pytest.raises(CheckpointError, match=f"{tmp_path}/{STATE}: expected .* found"):
        restore(fresh("tf1_style"), str(tmp_path))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("loss", ["missing", "garbage", "edited"])
def test_the_state_file_is_a_hint(style: str, loss: str, tmp_path: Path) -> None:
    saves, state = prepare(style, tmp_path), tmp_path / STATE
    text = state.read_text()
    if loss == "missing":
        state.unlink()
    else:
        state.write_text("garbage" if loss == "garbage" else text.replace("model-3", "model-1", 1))
    warnings: list[str] = []
    model = fresh(style)
    restore(model, str(tmp_path), warnings.append)
    assert fingerprint(model) == saves[-1]
    assert len(warnings) == 1 and warnings[0].startswith(f"{state}: it is {loss[:4]}"[:-4])
    train(model)
    save(model, str(tmp_path))  # which mends it: the oldest is known and deleted
    kept = sorted(file.stem for file in tmp_path.glob("*.index"))
    assert kept == ["model-2", "model-3", "model-4"]


@pytest.mark.parametrize("style", STYLES)
def test_a_copied_folder_is_its_own(style: str, tmp_path: Path) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    saves = prepare(style, first)
    shutil.copytree(first, copy)
    shutil.move(str(first), str(tmp_path / "elsewhere"))
    prepare(style, first, 1)  # another model where the list of the copy, with full paths, points
    before = sorted(file.name for file in first.iterdir())
    model = fresh(style)
    assert restore(model, str(copy)) == f"{copy}/model-{SAVES}"
    assert fingerprint(model) == saves[-1]
    for _ in range(SAVES):
        train(model)
        save(model, str(copy))
    assert sorted(file.name for file in first.iterdir()) == before


# --- What does not fit ---


def rewritten(style: str, folder: Path, change: str) -> str:
    """Saves a model of other variables as a plain program of the style would; returns the key."""
    values: dict[str, Any] = {"bias": 1.0, "weight": 2.0, "global_step": np.int64(3)}
    if change == "shape":
        values["weight"] = [2.0]
    elif change == "dtype":
        values["weight"] = np.float64(2)
    elif change == "missing":
        del values["weight"]
    else:
        values["other"] = 1.0
    if style == "tf1_style":
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            for name, value in values.items():
                tf.compat.v1.get_variable(name, initializer=value)
            session.run(tf.compat.v1.global_variables_initializer())
            tf.compat.v1.train.Saver().save(session, str(folder / "model"), global_step=3)
    else:
        variables = {name: tf.Variable(value) for name, value in values.items()}
        checkpoint = tf.train.Checkpoint(**variables)
        tf.train.CheckpointManager(checkpoint, str(folder), 3, checkpoint_name="model").save(3)
    return "other" if change == "extra" else "weight"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("shape", r"float32 \[\], found float32 \[1\]"),
        ("dtype", r"float32 \[\], found float64 \[\]"),
        ("missing", r"float32 \[\], found no such variable"),
        ("extra", r"no such variable, found float32 \[\]"),
    ],
)
def test_other_variables_are_refused_before_any_is_assigned(
    style: str, change: str, expected: str, tmp_path: Path
) -> None:
    name = rewritten(style, tmp_path, change)
    model = PAIRS["linear_regression"].create(style)
    before = model.variables()
    with pytest.raises(
        CheckpointError, match=f"{tmp_path}/model-3: variable {name}: expected {expected}"
    ):
        restore(model, str(tmp_path))
    assert model.variables() == before


# --- Two writers, and what crashes leave ---


def test_a_second_process_is_refused_with_the_first_ones_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = PAIRS["linear_regression"].module("tf2_style")
    arguments = ["--checkpoint-dir", str(tmp_path)]
    with claim_folder(str(tmp_path)):
        assert module.PROGRAM.main(["train", "--steps", "2", *arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"error: --checkpoint-dir {tmp_path}: expected a folder that no ")
        assert f"process {os.getpid()} of " in error and error.count("\n") == 1
    assert module.PROGRAM.main(["train", "--steps", "2", *arguments]) == 0
    with claim_folder(str(tmp_path)):
        assert module.PROGRAM.main(["evaluate", *arguments]) == 0  # which only reads


def test_leftovers_are_cleared_and_nothing_else(tmp_path: Path) -> None:
    saves = prepare("tf2_style", tmp_path, 2)
    left = [
        "model-3.data-00000-of-00001.tempstate123",
        "model-3.unfinished",
        "model-3.index",
        f"checkpoint.tmp{'0' * 32}",
        "model-2.record.writing",
    ]
    own = ["notes.tempstate123", "best-7.index", "model-3.h5", "checkpoint.tmp"]
    for name in left + own:
        (tmp_path / name).write_text("")
    for folder in ("model-3_temp", f"model-3_temp_{'a' * 32}", "other_temp"):
        (tmp_path / folder).mkdir()
    before = {file.name for file in tmp_path.iterdir()}
    with claim_folder(str(tmp_path)):
        found = {file.name for file in tmp_path.iterdir()} - {".training-lock"}
    assert before - found == {*left, "model-3_temp", f"model-3_temp_{'a' * 32}"}
    assert judge(fresh("tf2_style"), tmp_path, saves[-1:])[0] == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_a_save_that_fails_leaves_the_ones_before(
    style: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves, model = prepare(style, tmp_path), fresh(style)
    restore(model, str(tmp_path))
    train(model)

    def no_room(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shared.checkpoints.writing.write_record", no_room)
    with pytest.raises(
        CheckpointError,
        match=f"{tmp_path}/model-4: cannot be saved: No space left on device; "
        f"the last checkpoint is {tmp_path}/model-3",
    ):
        save(model, str(tmp_path))
    assert leftovers(tmp_path) == []
    assert judge(fresh(style), tmp_path, saves[-1:])[0] == EXACT


def test_every_file_is_on_disk_before_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    real_sync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        calls.append("sync " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real_sync(descriptor)

    def replace(source: str, target: str) -> None:
        calls.append("name " + os.path.basename(target))
        real_replace(source, target)

    model = fresh("tf2_style")
    save(model, str(tmp_path))
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    train(model)
    save(model, str(tmp_path))
    named = calls.index("name model-1.record")
    parts = [file.name for file in tmp_path.glob("model-1.*") if not file.name.endswith("record")]
    assert len(parts) == 2
    for part in [*parts, STATE, tmp_path.name]:
        assert f"sync {part}" in calls[:named], part
    assert calls[named - 1] == "sync model-1.record.writing"
    assert calls[named + 1] == f"sync {tmp_path.name}"
    assert all(FILE.fullmatch(file.name) or file.name == STATE for file in tmp_path.iterdir())


# --- Numbers that are no longer finite ---


@pytest.mark.parametrize("style", STYLES)
def test_a_loss_that_is_not_finite_stops_at_its_step(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = RELU.module(style)
    module.PROGRAM.train(module.Config(steps=3, checkpoint_dir=str(tmp_path)))
    before = sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir())
    config = module.Config(steps=50, learning_rate=1e30, checkpoint_dir=str(tmp_path))
    with pytest.raises(TrainingError) as error:
        module.PROGRAM.train(config)
    # The loss of step 4 is computed before the rate acts; that of step 5 squares 1e30.
    assert str(error.value) == (
        f"step 5: expected a finite loss, found inf; the last good checkpoint is kept: "
        f"{tmp_path}/model-3"
    )
    assert sorted((file.name, file.read_bytes()) for file in tmp_path.iterdir()) == before
    flags = ["--steps", "50", "--learning-rate", "1e30", "--checkpoint-dir", str(tmp_path)]
    assert module.PROGRAM.main(["train", *flags]) == 2
    assert capsys.readouterr().err == f"error: {error.value}\n"


def test_variables_ruined_by_the_last_update_are_not_saved() -> None:
    losses = np.array([1, 2], np.float32)
    assert not_finite(range(4, 6), losses, {"weight": np.float32(1)}) is None
    ruined = {"weight": np.array([1, np.nan]), "bias": np.float32(1)}
    assert not_finite(range(4, 6), losses, ruined) == (
        "step 6: expected finite numbers in weight, found nan"
    )
    losses[0] = np.inf
    assert not_finite(range(4, 6), losses, ruined) == "step 5: expected a finite loss, found inf"
