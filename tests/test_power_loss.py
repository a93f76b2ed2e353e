"""What the suite says is on disk is there when the power goes, whatever else was not synced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from forgetful_disk import Recording, broken_promises, disks, live
from shared.atomic_files import write_text
from shared.checkpoints.files import make_folder, write_durably
from shared.tools.whole_folder import whole_folder
from shared.trace_recorder import TraceRecorder
from torture.outcomes import EXACT, WRONG
from torture.power import NEW_FOLDER, lost_power

STYLES = ("tf1_style", "tf2_style")


@pytest.mark.parametrize("style", ["tf2_style", pytest.param("tf1_style", marks=pytest.mark.slow)])
def test_a_save_that_has_returned_survives(style: str, tmp_path: Path) -> None:
    tally = lost_power(style, tmp_path, saves=2, more=1)
    assert tally.wrong == []
    assert tally.tried > 40 and tally.counts[EXACT] == tally.tried


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
def test_saves_survive_any_single_loss_and_many_others(style: str, tmp_path: Path) -> None:
    # Five saves: the first ones are deleted on the way.
    tally = lost_power(style, tmp_path, saves=5, more=4, each=True)
    assert tally.wrong == []
    assert tally.tried > 500 and tally.counts[EXACT] == tally.tried


@pytest.mark.parametrize(
    "left_out",
    [
        lambda path: ".data-" in path,
        lambda path: path.endswith(".index"),
        lambda path: path.endswith(".record.writing"),
        lambda path: path == str(NEW_FOLDER),
        lambda path: path == str(NEW_FOLDER.parent),
        lambda path: path == ".",
    ],
    ids=["data", "index", "record", "folder", "parent", "parent of the parent"],
)
def test_a_sync_that_is_left_out_loses_saves(
    left_out: Callable[[str], bool], tmp_path: Path
) -> None:
    tally = lost_power("tf2_style", tmp_path, saves=1, more=0, forgets=left_out)
    assert tally.counts[WRONG] >= 1


def trace(root: Path) -> None:
    with TraceRecorder(root / "file", model="m", every=1) as recorder:
        recorder.record_initial({"w": np.zeros(2, np.float32)})
        for step in (1, 2):
            recorder.record(step, np.float32(step), variables={"w": np.full(2, step, np.float32)})


def exported(root: Path) -> None:
    with whole_folder(root / "file") as new:
        (new / "variables").mkdir(parents=True)
        (new / "variables" / "a").write_text("new")
        (new / "b").write_text("new")


def text(root: Path) -> None:
    write_text(root / "file", "new", "--json")


def small(root: Path) -> None:
    write_durably(str(root / "file"), "new")


def recorded(
    write: Callable[[Path], None], root: Path, forgets: Callable[[str], bool] = lambda path: False
) -> Recording:
    with Recording(root, forgets) as recording:
        write(root)
        recording.promise()
    return recording


WRITERS = [trace, exported, text, small]


@pytest.mark.parametrize("is_there", [True, False], ids=["replaced", "new"])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_file_is_the_old_or_the_new_one(
    write: Callable[[Path], None], is_there: bool, tmp_path: Path
) -> None:
    if is_there and write is exported:
        (tmp_path / "file").mkdir()
        (tmp_path / "file" / "b").write_text("old")
    elif is_there:
        (tmp_path / "file").write_text("old")
    count, broken = broken_promises(recorded(write, tmp_path), "file")
    assert count > 10 and broken == 0


@pytest.mark.parametrize("of_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
def test_a_file_that_is_not_synced_is_neither(
    write: Callable[[Path], None], of_folder: bool, tmp_path: Path
) -> None:
    recording = recorded(write, tmp_path, lambda path: (path == ".") == of_folder)
    assert broken_promises(recording, "file")[1] >= 1


def test_new_folders_stay(tmp_path: Path) -> None:
    def make(root: Path) -> None:
        make_folder(str(root / "a" / "b"))

    recording = recorded(make, tmp_path)
    assert [list(tree) for tree in disks(recording.moments[-1], Random(0), 20)] == [["a", "a/b"]]
    assert live(recording.moments[0]) == {}


def test_the_disk_forgets_what_posix_lets_it(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"old")

    def write(root: Path) -> None:
        (root / "kept").write_bytes(b"new!")
        (root / "made").write_bytes(b"made")

    last = recorded(write, tmp_path).moments[-1]
    found = {(tree["kept"], tree.get("made")) for tree in disks(last, Random(0), 500, each=True)}
    kept = (b"old", b"new!", b"ne", bytes(4))
    made = (None, b"", b"made", b"ma", bytes(4))
    assert found == {(one, other) for one in kept for other in made}
