"""A flag that names what cannot be written is refused in one line, before any work is done."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from shared.tools.commands import main
from shared.trace_recorder import TraceRecorder
from tf1_style import transfer

TRACES = {"compare": "compare A A", "check": "check --old A --new A"}
FLAGS = [
    *((TRACES["compare"], flag) for flag in ("--json", "--plot")),
    *((TRACES["check"], flag) for flag in ("--json", "--write-map", "--keep")),
    *(("scan --no-upgrade-script S", flag) for flag in ("--out", "--write-baseline")),
    ("record", "--write"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a trace, a script, and a file where a folder would have to be."""
    with TraceRecorder(tmp_path / "a.npz") as recorder:
        recorder.record(1, np.float32(1), variables={"w": np.zeros(2, np.float32)})
    (tmp_path / "s.py").write_text("import tensorflow as tf\ntf.Session()\n")
    (tmp_path / "file").write_text("mine")
    return tmp_path


@pytest.mark.parametrize(("command", "flag"), FLAGS)
def test_it_is_named_before_anything_is_read(
    command: str, flag: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"A": str(folder / "a.npz"), "S": str(folder / "s.py")}
    words = [names.get(word, word) for word in command.split()]
    path = str(folder / "file" / "out.png")
    assert main([*words, flag, path]) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {flag} {path}: ") and err.count("\n") == 1
    assert out == "" and (folder / "file").read_text() == "mine"


def test_a_file_is_no_folder_to_keep_traces_in(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, file = str(folder / "a.npz"), str(folder / "file")
    assert main(["check", "--old", trace, "--new", trace, "--keep", file]) == 2
    expected = f"error: --keep {file}: expected a folder, found: File exists\n"
    assert capsys.readouterr().err == expected


def test_programs_are_not_run_for_a_result_that_has_no_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "train.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    program = f"{sys.executable} {folder / 'train.py'}"
    json = str(folder / "none" / "result.json")
    assert main(["check", "--old", program, "--new", program, "--json", json]) == 2
    assert capsys.readouterr().err.startswith(f"error: --json {json}: cannot write: ")
    assert not (folder / "ran").exists()


def test_a_folder_for_the_old_model_is_tried_before_the_model_is_made(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(folder / "file")
    assert transfer.main(["--old", file]) == 2
    assert capsys.readouterr().err == (
        f"error: --old {file}: expected a folder to write in, found a file: {file}\n"
    )
