"""A disk that is full where a script keeps its files is one line, which names the folder."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from shared.program import sections
from shared.tools.commands import main, record


class ResourceExhaustedError(Exception):
    """As TensorFlow's, which this file does not import."""


FULL = [OSError(errno.ENOSPC, "No space left on device"), ResourceExhaustedError("No space left")]


@pytest.mark.parametrize("error", FULL, ids=["Python", "TensorFlow"])
def test_training_in_a_temporary_folder(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(folder: str, last_step: int) -> Any:
        raise error

    assert sections.run_sections(None, [(train, 3)], []) == 2
    _, err = capsys.readouterr()
    assert err.startswith("error: temporary folder /") and err.count("\n") == 1
    assert "cannot be written: " in err and "No space left" in err


@pytest.mark.parametrize("error", FULL, ids=["Python", "TensorFlow"])
def test_writing_the_old_model(
    error: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def old_model(folder: str, trained: str | None) -> str:
        raise error

    assert sections.print_sections("", old_model, [], ["--old", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: --old {tmp_path}: cannot be written: ")


def test_another_error_is_not_taken_for_a_full_disk() -> None:
    def train(folder: str, last_step: int) -> Any:
        raise RuntimeError("a mistake")

    with pytest.raises(RuntimeError, match="a mistake"):
        sections.run_sections(None, [(train, 3)], [])


def test_a_recorder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full() -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", lambda *arguments, **options: full())
    assert main(["record", "--", "python", "train.py"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: temporary file /")
    assert "record_tf1.py: cannot write: No space left" in err
    assert record.source()
