"""No crash and no damaged file costs more than the steps since the last save, and none is silent.

`make torture` is the whole of it; here is a small share of each kind, and what each must say.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from model_state import set_step
from saved import restore, save
from shared.checkpoints import claim_folder
from shared.checkpoints.files import FILE, STATE, make_folder, sha256
from shared.checkpoints.marks import set_mark
from shared.checkpoints.records import RecordError, _digest, read_record
from shared.checkpoints.state_file import read_state
from shared.checkpoints.writing import saving
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


@pytest.mark.slow
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


# What a save leaves before its files have their names, TensorFlow's and ours.
TEMPORARY = [
    "model-3.data-00000-of-00001.tempstate123",
    "model-3.index.tempstate9",
    f"checkpoint.tmp{'0' * 32}",
    f".{'0' * 16}.model-3.record.writing",
    f".{'0' * 16}.checkpoint.writing",
]
TEMPORARY_FOLDERS = ["model-3_temp", f"model-3_temp_{'a' * 32}"]


def put(folder: Path, *names: str) -> None:
    for name in names:
        if name in TEMPORARY_FOLDERS:
            (folder / name).mkdir()
            (folder / name / "mine").write_text("mine")
        else:
            (folder / name).write_text("mine")


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} - {".training-lock"}


def test_what_a_crashed_save_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    saves = prepare("tf2_style", tmp_path, 2)
    own = ["notes.tempstate123", "best-7.index", "model-3.h5", "checkpoint.tmp", "other_temp"]
    put(tmp_path, *own)
    before = names_in(tmp_path)
    set_mark(str(tmp_path), "model-3")
    put(tmp_path, *TEMPORARY, *TEMPORARY_FOLDERS, "model-3.index", "model-4.index.tempstate1")
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == before | {"model-4.index.tempstate1"}  # not of that save
    assert judge(fresh("tf2_style"), tmp_path, saves[-1:])[0] == EXACT


FOREIGN = ["thesis.unfinished", "thesis.index", "model-3.unfinished", "model-9.data-notes.txt"]


def test_what_was_there_before_is_somebody_elses_whatever_its_name(tmp_path: Path) -> None:
    prepare("tf2_style", tmp_path, 2)
    put(tmp_path, *TEMPORARY, *TEMPORARY_FOLDERS, *FOREIGN)
    before = names_in(tmp_path)
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == before
    (tmp_path / "model-3.unfinished").unlink()
    set_mark(str(tmp_path), "model-3")  # and a save that crashes
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == before - {"model-3.unfinished"}
    assert (tmp_path / "model-3_temp" / "mine").read_text() == "mine"


@pytest.mark.parametrize("zeros", [0, 50])
@pytest.mark.parametrize("length", [0, 1, 30, 70])
def test_a_mark_that_was_cut_short_is_cleared(length: int, zeros: int, tmp_path: Path) -> None:
    saves = prepare("tf2_style", tmp_path, 1)
    set_mark(str(tmp_path), "model-2")
    mark = tmp_path / "model-2.unfinished"
    mark.write_bytes(mark.read_bytes()[:length] + bytes(zeros))
    with claim_folder(str(tmp_path)):
        assert not mark.exists()
    assert judge(fresh("tf2_style"), tmp_path, saves)[0] == EXACT


@pytest.mark.parametrize("style", STYLES)
def test_a_second_save_of_a_step_has_no_record_until_it_is_on_disk(
    style: str, tmp_path: Path
) -> None:
    saves, model = prepare(style, tmp_path, 1), fresh(style)
    restore(model, str(tmp_path))
    with pytest.raises(KeyboardInterrupt), saving(str(tmp_path), 1):
        assert not (tmp_path / "model-1.record").exists()
        raise KeyboardInterrupt  # as a crash: nothing is tidied up
    assert (tmp_path / "model-1.unfinished").exists()
    with claim_folder(str(tmp_path)):
        # No file of the first save was changed yet, so it counts again.
        assert judge(fresh(style), tmp_path, saves)[0] == EXACT
    with pytest.raises(KeyboardInterrupt), saving(str(tmp_path), 1):
        data = next(tmp_path.glob("model-1.data-*"))
        data.write_bytes(data.read_bytes()[:-1] + b"x")
        raise KeyboardInterrupt
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == set()


@pytest.mark.parametrize("planted", ["link", "dangling link", "hard link", "file", "folder"])
def test_a_planted_lock_destroys_nothing(planted: str, tmp_path: Path) -> None:
    folder, precious = tmp_path / "folder", tmp_path / "precious"
    folder.mkdir()
    lock = folder / ".training-lock"
    if planted != "dangling link":
        precious.write_text("precious")
    if planted == "hard link":
        os.link(precious, lock)
    elif planted == "file":
        lock.write_text("precious")
    elif planted == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(precious)
    with pytest.raises(CheckpointError, match=f"{folder}.*: expected .*, found"):
        claim_folder(str(folder))
    assert precious.exists() == (planted != "dangling link")
    assert planted == "dangling link" or precious.read_text() == "precious"
    assert os.path.lexists(lock)


def test_a_torn_list_of_the_first_save_does_not_stop_the_next_training(tmp_path: Path) -> None:
    set_mark(str(tmp_path), "model-1")
    put(tmp_path, STATE, "model-1.index")  # neither was on disk when the power went
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == set()
        assert restore(fresh("tf2_style"), str(tmp_path)) is None
    put(tmp_path, STATE)  # somebody's: a sign of saves that are gone
    set_mark(str(tmp_path), "model-1")
    with claim_folder(str(tmp_path)):
        assert names_in(tmp_path) == {STATE}


@pytest.mark.parametrize("left", [b"", b"proc", b"process 1", b"process 12 o", bytes(20)])
def test_a_lock_that_was_cut_short_is_taken(left: bytes, tmp_path: Path) -> None:
    (tmp_path / ".training-lock").write_bytes(left)
    with claim_folder(str(tmp_path)):
        assert (tmp_path / ".training-lock").read_bytes().startswith(b"process ")
    assert names_in(tmp_path) == set() and not (tmp_path / ".training-lock").exists()


@pytest.mark.parametrize("name", [STATE, "model-4.record", "model-4.unfinished"])
def test_a_planted_link_is_not_written_through(name: str, tmp_path: Path) -> None:
    folder, precious = tmp_path / "folder", tmp_path / "precious"
    saves = prepare("tf2_style", folder)
    precious.write_text("precious")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(precious)
    model = fresh("tf2_style")
    restore(model, str(folder), lambda warning: None)
    train(model)
    with contextlib.suppress(CheckpointError):
        save(model, str(folder))
    assert precious.read_text() == "precious"
    expected = saves[-1:] if name.endswith("unfinished") else [fingerprint(model)]
    assert judge(fresh("tf2_style"), folder, expected)[0] == EXACT


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?", "a\\b"])
def test_a_folder_that_could_never_be_restored_is_refused_before_training(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / name
    module = PAIRS["linear_regression"].module("tf2_style")
    assert module.PROGRAM.main(["train", "--checkpoint-dir", str(folder)]) == 2
    error = capsys.readouterr().err
    assert (
        error.startswith(f"error: --checkpoint-dir {folder}: expected") and error.count("\n") == 1
    )
    for refused in (claim_folder, lambda path: saving(path, 1).__enter__()):
        with pytest.raises(CheckpointError, match="a pattern"):
            refused(str(folder))
    assert not folder.exists()


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
    assert calls[named - 1].startswith("sync .") and calls[named - 1].endswith("record.writing")
    assert calls[named + 1] == f"sync {tmp_path.name}"
    assert all(FILE.fullmatch(file.name) or file.name == STATE for file in tmp_path.iterdir())


def test_new_folders_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real_sync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    make_folder(str(tmp_path / "a" / "b"))
    # A folder's name is in the folder above it.
    assert set(synced) == {str(tmp_path), str(tmp_path / "a")}
    synced.clear()
    save(fresh("tf2_style"), str(tmp_path / "c"))
    assert synced[0] == str(tmp_path)


@pytest.mark.parametrize("size", [1, 2**16 + 1, 2**20, 3 * 2**20 + 5])
def test_a_checksum_covers_the_whole_file(size: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(size))
    whole = sha256(str(file))
    for place in {0, size // 2, size - 1}:
        changed = bytearray(size)
        changed[place] = 1
        file.write_bytes(changed)
        assert sha256(str(file)) != whole, place


# --- Files of another form ---

GOOD = {
    "format": 1,
    "step": 3,
    "order": 3,
    "files": {"model-3.index": {"bytes": 1, "sha256": "0" * 64}},
}
OTHER_FORMS = [
    {"step": "3"},
    {"step": True},
    {"step": -1},
    {"order": "last"},
    {"order": 10**400},
    {"order": 1.5},
    {"files": []},
    {"files": {"model-3.index": {"bytes": 1}}},
    {"files": {"model-3.index": {"bytes": "1", "sha256": "0"}}},
    {"files": {"model-3.index": {"bytes": 1, "sha256": None}}},
    {"files": {"model-3.index": "1"}},
    {"files": {"../model-3.index": {"bytes": 1, "sha256": "0"}}},
    {"files": {"model-2.index": {"bytes": 1, "sha256": "0"}}},
    {"more": 1},
    {"format": 2},
    {"format": []},
]


@pytest.mark.parametrize("change", OTHER_FORMS, ids=str)
def test_a_record_with_a_right_checksum_and_another_form_is_damaged(
    change: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "model-3.record"
    for content, is_good in ((GOOD, True), ({**GOOD, **change}, False)):
        path.write_text(json.dumps({**content, "sha256": _digest(content)}))
        with contextlib.nullcontext() if is_good else pytest.raises(RecordError):
            assert read_record(str(path)).order == 3
    # Training and `evaluate` go on with TensorFlow's own checksums, or with an older checkpoint.
    saves = prepare("tf2_style", tmp_path / "folder")
    shutil.copy(path, tmp_path / "folder" / "model-3.record")
    assert judge(fresh("tf2_style"), tmp_path / "folder", saves[-2:])[0] == EXACT


@pytest.mark.parametrize("text", ["", "[]", "null", "1", '"text"', "{}", "[" * 100_000, "\xff\0"])
def test_a_record_that_is_none_is_damaged(text: str, tmp_path: Path) -> None:
    (tmp_path / "model-3.record").write_text(text)
    with pytest.raises(RecordError):
        read_record(str(tmp_path / "model-3.record"))


STATES = [
    'model_checkpoint_path: "model-3", ""\n',
    'model_checkpoint_path: "model-3", "b"\nall_model_checkpoint_paths: "model-3"\n',
    'model_checkpoint_path: "model-3" "b"\n',
    'model_checkpoint_path: "model-3\\"\n',
    'model_checkpoint_path: "\\xff"\n',
    "model_checkpoint_path: 3\n",
    'model_checkpoint_path: "\0"\n',
    "[" * 100_000,
]


@pytest.mark.parametrize("text", STATES, ids=range(len(STATES)))
def test_a_state_file_of_another_form_is_damaged_and_training_goes_on(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saves = prepare("tf2_style", tmp_path)
    (tmp_path / STATE).write_text(text)
    assert read_state(str(tmp_path)).problem
    assert judge(fresh("tf2_style"), tmp_path, saves[-1:])[0] == EXACT
    arguments = ["train", "--steps", str(SAVES + 1), "--checkpoint-dir", str(tmp_path)]
    assert RELU.module("tf2_style").PROGRAM.main(arguments) == 0
    assert f"warning: {tmp_path}/{STATE}: it is damaged" in capsys.readouterr().out


@pytest.mark.parametrize("name", [STATE, "model-3.record", "model-4.unfinished"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    saves = prepare("tf2_style", tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    assert judge(fresh("tf2_style"), tmp_path, saves[-1:])[0] == EXACT
    with claim_folder(str(tmp_path)):
        assert (tmp_path / name).exists()


@pytest.mark.parametrize("style", STYLES)
def test_what_was_saved_last_is_restored_whatever_its_step(style: str, tmp_path: Path) -> None:
    told: list[str] = []
    model = fresh(style)
    for step in (10, 5):
        set_step(model, step)
        save(model, tmp_path)
    assert restore(model, str(tmp_path), told.append) == str(tmp_path / "model-5")
    assert model.step() == 5
    assert len(told) == 1 and "model-10" in told[0]  # which somebody may have meant


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
