"""Folders whose names are odd: what TensorFlow cannot write is refused before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.models import PAIRS, STYLES
from shared.tools.commands import main

NO_UTF8 = "a\udcffb"  # the byte 0xff, which a name on a disk may hold


def train(style: str, *arguments: str) -> int:
    code: int = (
        PAIRS["linear_regression"].program(style).main(["train", "--steps", "1", *arguments])
    )
    return code


@pytest.mark.parametrize("name", ["a b", "a\nb", "dür-日", "-x"])
@pytest.mark.parametrize("style", STYLES)
def test_what_is_saved_under_an_odd_name_is_restored(
    style: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = "--checkpoint-dir=" + str(tmp_path / name)
    assert train(style, folder) == 0
    assert PAIRS["linear_regression"].program(style).main(["evaluate", folder]) == 0
    capsys.readouterr()
    converted = str(tmp_path / name / "converted" / "model-1")
    to = {"tf1_style": "tf2", "tf2_style": "tf1"}[style]
    words = ["checkpoint", "convert", str(tmp_path / name), converted, "--to", to]
    assert main([*words, "--model", "linear_regression"]) == 0
    assert Path(converted + ".index").exists()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("flag", ["--checkpoint-dir", "--log-dir"])
def test_bytes_that_are_no_utf8_are_refused_before_training(
    style: str, flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / NO_UTF8)
    other = [] if flag == "--checkpoint-dir" else ["--checkpoint-dir", str(tmp_path / "saved")]
    assert train(style, flag, path, *other) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {flag} {tmp_path}/a\\udcffb: expected a name in UTF-8")
    assert err.count("\n") == 1 and out == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["export", "convert", "run"])
def test_bytes_that_are_no_utf8_are_refused_by_commands(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved, path = str(tmp_path / "saved"), str(tmp_path / NO_UTF8)
    assert train("tf2_style", "--checkpoint-dir", saved) == 0
    capsys.readouterr()
    words = {
        "export": f"export linear_regression --checkpoint-dir {saved} --out",
        "convert": f"checkpoint convert --model linear_regression --to tf1 {saved}",
        "run": "run linear_regression --steps 1 --out",
    }
    assert main([*words[command].split(), path]) == 2
    assert "in UTF-8" in capsys.readouterr().err
    assert [entry.name for entry in tmp_path.iterdir()] == ["saved"]
