"""Traces that were tampered with, and names and paths that no trace can have."""

from __future__ import annotations

import os
import shutil
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.trace_recorder import TraceFileError, TraceRecorder, read_trace


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, np.float32(1), variables={"w": np.ones(3, np.float32)})
    return tmp_path / "a.npz"


def rewritten(
    trace: Path, member: str, value: np.ndarray, compression: int = zipfile.ZIP_STORED
) -> Path:
    """A copy of the trace with another array in one member, and right checksums."""
    out = trace.with_name("b.npz")
    with zipfile.ZipFile(trace) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != member:
                new.writestr(name, old.read(name))
        with new.open(zipfile.ZipInfo(member), "w") as file:
            np.lib.format.write_array(file, value)
        if compression != zipfile.ZIP_STORED:
            new.writestr("more.npy", bytes(2**24), compression)
    return out


def test_a_whole_tensor_is_held_against_its_digest(trace: Path) -> None:
    changed = np.array([1, 1, np.inf], np.float32)
    with pytest.raises(TraceFileError, match=r"variable/w.*step 1 does not have the digest"):
        read_trace(rewritten(trace, "whole/1/variable/w.npy", changed))


def test_the_same_tensor_written_again_is_accepted(trace: Path) -> None:
    read_trace(rewritten(trace, "whole/1/variable/w.npy", np.ones(3, np.float32))).close()


def test_what_unpacks_to_more_than_the_file_is_refused_before_it_is_unpacked(trace: Path) -> None:
    bomb = rewritten(trace, "x.npy", np.zeros(1), zipfile.ZIP_BZIP2)
    tracemalloc.start()
    with pytest.raises(TraceFileError, match="is compressed"):
        read_trace(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2**22  # the member has 2**24 bytes
    tracemalloc.stop()


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceFileError, match="regular file"):
        read_trace(tmp_path / "pipe")


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_regular_file_is_not_replaced(trace: Path, kind: str) -> None:
    target = trace.with_name("target")
    shutil.copy(trace, trace.with_name("kept"))
    os.symlink("kept", target) if kind == "link" else os.mkfifo(target)
    before = os.lstat(target)
    with pytest.raises(TraceFileError, match="a link, a device or a pipe"):
        TraceRecorder(target)
    assert os.lstat(target).st_ino == before.st_ino


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800", 3, b"w", "n" * 70000])
def test_a_name_that_the_archive_cannot_hold_is_refused(tmp_path: Path, name: Any) -> None:
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        with pytest.raises(TraceFileError, match="a name needs"):
            recorder.record(1, np.float32(1), variables={name: np.ones(3)})
        recorder.record(2, np.float32(1))
    refused = pytest.raises(TraceFileError, match="a name needs")
    with TraceRecorder(tmp_path / "b.npz") as recorder, refused:
        recorder.record_initial({name: np.ones(3)})
