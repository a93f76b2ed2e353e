"""A checkpoint that replaces another: killed at any step, one of the two is there, whole."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import cross, map_between, tensors_of, write_names
from forgetful_disk import Recording, disks, put
from shared.checkpoints.files import RECORD, UNFINISHED
from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import installing, writing
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap

SIZE = 1000


@pytest.fixture
def conversion_map(tmp_path: Path) -> CrossingMap:
    objects = {name: tf.Variable(tf.zeros([SIZE])) for name in ("w", "v")}
    names = {name: np.full([SIZE], 1, np.float32) for name in objects}
    return map_between(tmp_path, names, **objects)


def convert(conversion_map: CrossingMap, value: float, folder: Path, force: bool = True) -> str:
    """Converts a checkpoint whose tensors all have this value."""
    values = {name: np.full([SIZE], value, np.float32) for name in ("w", "v")}
    source = write_names(folder.parent / f"source-{value}", values)
    return cross(conversion_map, source, folder / "model-1", force=force)


def value_of(prefix: str) -> float:
    """Returns the value that all tensors of a checkpoint have; fails where it is not whole."""
    contents = describe(prefix)
    found = np.concatenate([contents.read(name).numpy() for name in ("w", "v")])
    assert len(set(found)) == 1
    return float(found[0])


class Killed(BaseException):
    """Stands for a signal: nothing that handles errors sees it."""


def kill_at(step: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ends the conversion before its `step`-th change of a name; returns the changes made."""
    made: list[str] = []

    def counted(name: str, change: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if len(made) == step:
                raise Killed
            made.append(name)
            return change(*arguments, **options)

        return call

    for name in ("rename", "replace", "unlink", "fsync"):
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    monkeypatch.setattr(Path, "unlink", counted("unlink", Path.unlink))
    # A process that is killed clears nothing up.
    monkeypatch.setattr(shutil, "rmtree", lambda *arguments, **options: None)
    monkeypatch.setattr(tf.io.gfile, "remove", lambda *arguments: None)
    return made


@pytest.mark.slow
def test_killed_between_any_two_steps_nothing_is_lost(
    conversion_map: CrossingMap, tmp_path: Path
) -> None:
    seen = set()
    for step in range(100):
        folder = tmp_path / f"folder-{step}"
        prefix = convert(conversion_map, 1, folder)
        Path(prefix + RECORD).touch()
        with pytest.MonkeyPatch.context() as patched:
            made = kill_at(step, patched)
            try:
                convert(conversion_map, 2, folder)
                ended = True
            except Killed:
                ended = False
        now = value_of(prefix)
        seen.add(now)
        assert now == (2 if ended else now) and now in (1, 2)
        convert(conversion_map, 3, folder)  # the next one ends what this one began
        assert value_of(prefix) == 3
        left = {path.name for path in folder.rglob("*") if path.parent != folder}
        # Before the journal stands, nothing says whose the folder is; no data is in it by then.
        assert left <= {f"{installing.JOURNAL}.partial"}
        files = [path.name for path in folder.iterdir() if path.is_file()]
        shards = {name[-5:] for name in files if ".data-" in name}
        assert len(shards) == 1 and len(files) == 2 + int(*shards), files  # and index, checkpoint
        if ended:
            break
    assert ended and len(made) == step > 10
    assert seen == {1, 2}


def test_the_check_above_catches_an_installation_that_deletes_first(
    conversion_map: CrossingMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install = installing.install

    def careless(temporary: str, prefix: str, beside: str) -> None:
        Path(prefix + ".index").unlink()
        install(temporary, prefix, beside)

    prefix = convert(conversion_map, 1, tmp_path / "folder")
    monkeypatch.setattr(installing, "install", careless)
    lost = 0
    for step in range(100):
        with pytest.MonkeyPatch.context() as patched:
            made = kill_at(step, patched)
            try:
                convert(conversion_map, 2, tmp_path / "folder")
                break
            except Killed:
                lost += not Path(prefix + ".index").exists()
        if lost:
            break
    assert lost and made


def values_after_a_loss_of_power(
    conversion_map: CrossingMap, folder: Path, forgets: Callable[[str], bool]
) -> Counter[tuple[int, float]]:
    """Counts what value a checkpoint has that replaces another, 0 where it is not whole.

    By how often the new one was promised: when the conversion had returned.
    """
    prefix = convert(conversion_map, 1, folder)
    with Recording(folder, forgets) as recording:
        convert(conversion_map, 2, folder)
        recording.promise()
    shutil.rmtree(folder)
    folder.mkdir()
    found: Counter[tuple[int, float]] = Counter()
    for moment in recording.moments:
        for tree in disks(moment, Random(0), more=3):
            with put(tree, folder):
                found[moment.promised, whole_value_of(prefix)] += 1
    return found


def whole_value_of(prefix: str) -> float:
    """Returns the value of a checkpoint that its folder names as the newest; 0 without one."""
    try:
        return value_of(prefix) if tf.train.latest_checkpoint(os.path.dirname(prefix)) else 0
    except (AssertionError, CheckpointError, ValueError):  # the last, of a damaged list
        return 0


def test_after_a_loss_of_power_it_is_the_old_or_the_new_one(
    conversion_map: CrossingMap, tmp_path: Path
) -> None:
    found = values_after_a_loss_of_power(conversion_map, tmp_path / "folder", lambda path: False)
    assert set(found) == {(0, 1), (0, 2), (1, 2)} and found.total() > 50


@pytest.mark.parametrize("name", [".data-", "/checkpoint"])
def test_the_check_above_catches_a_file_that_is_not_synced(
    name: str, conversion_map: CrossingMap, tmp_path: Path
) -> None:
    found = values_after_a_loss_of_power(
        conversion_map, tmp_path / "folder", lambda path: name in path
    )
    assert found[1, 0] >= 1


def test_files_and_folders_of_others_stay(conversion_map: CrossingMap, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    convert(conversion_map, 1, folder)
    others = [
        folder / "model-1.data-notes.txt",
        folder / "model-1.data-00000-of-00007",
        folder / ".model-1.20240101" / "mine",
        folder / ".model-1.12345678" / installing.JOURNAL,
    ]
    for file in others:
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    assert value_of(convert(conversion_map, 2, folder)) == 2
    assert all(file.read_text(encoding="utf-8") == "{}" for file in others)


def test_a_file_that_took_a_journals_name_later_stays(
    conversion_map: CrossingMap, tmp_path: Path
) -> None:
    """A journal names what a killed conversion wrote; a file written since is another's."""
    folder = tmp_path / "folder"
    prefix = convert(conversion_map, 1, folder)
    beside = folder / ".model-1.abcdefgh"
    beside.mkdir()
    placed = folder / "model-1.data-00000-of-00009"
    placed.write_text("of the conversion", encoding="utf-8")
    (beside / "model-1.index").touch()
    installing._write_journal(str(beside), "model-1", [placed], [])
    placed.unlink()
    placed.write_text("of somebody else", encoding="utf-8")
    convert(conversion_map, 2, folder)
    assert placed.read_text(encoding="utf-8") == "of somebody else"
    assert not beside.exists()
    assert value_of(prefix) == 2


def test_a_planted_link_is_not_followed(conversion_map: CrossingMap, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    for name in ("checkpoint.writing", "model-1.index", "model-1.record"):
        (folder / name).symlink_to(victim)
    assert value_of(convert(conversion_map, 1, folder)) == 1
    assert victim.read_text(encoding="utf-8") == "precious"
    assert not (folder / "checkpoint").is_symlink()


@pytest.mark.parametrize("name", ["model-1.data-00000-of-00001", "model-1.index", "checkpoint"])
def test_a_folder_in_the_way_is_refused_before_anything_changes(
    name: str, conversion_map: CrossingMap, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    prefix = convert(conversion_map, 1, folder)
    other = folder / name.replace("-00001", "-00004")
    other.unlink(missing_ok=True)
    other.mkdir()
    before = sorted(folder.rglob("*"))
    with pytest.raises(CheckpointError, match=rf"{other.name}: expected a name .* found a folder"):
        convert(conversion_map, 2, folder)
    assert sorted(folder.rglob("*")) == before
    if name != "model-1.index":
        assert value_of(prefix) == 1


def test_one_tensor_cannot_replace_one_tensor(tmp_path: Path) -> None:
    tf2 = tf.train.Checkpoint(w=tf.Variable(0.0)).save(str(tmp_path / "tf2"))
    tf1 = write_names(tmp_path / "tf1", {"w": np.float32(1)})
    one = CrossingMap(tf1, tf2, {"w": ["w"]})
    cross(one, tf2, tmp_path / "target")
    before = tensors_of(str(tmp_path / "target"))
    with pytest.raises(CheckpointError, match="target: expected another name: the checkpoint"):
        cross(one, tf2, tmp_path / "target", force=True)
    assert tensors_of(str(tmp_path / "target")) == before


def test_a_mark_of_an_unfinished_save_goes_with_what_it_marks(
    conversion_map: CrossingMap, tmp_path: Path
) -> None:
    prefix = convert(conversion_map, 1, tmp_path / "folder")
    Path(prefix + UNFINISHED).touch()
    assert value_of(convert(conversion_map, 2, tmp_path / "folder")) == 2
    assert not Path(prefix + UNFINISHED).exists()


@pytest.mark.parametrize(
    ("source", "destination", "expected"),
    [
        ("run", "out/model-200", "out/model-200"),  # named as a checkpoint is
        ("run", "out/model.ckpt", "out/model.ckpt"),
        ("run", "out", "out/model-7"),
        ("run", "out/", "out/model-7"),
        ("run", "run", "run/model-7"),
        ("run/model-7", "out", "out"),
        ("run/model-7", "run", "run/model-7"),
        ("run/model-7", "out/", "out/model-7"),
    ],
)
def test_where_a_conversion_writes(
    source: str, destination: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    write_names(tmp_path / "run" / "model-7", {"w": [1.0]})
    monkeypatch.chdir(tmp_path)
    assert writing.target_prefix(destination, source, describe(source)) == expected
