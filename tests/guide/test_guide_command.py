"""`pairs guide` finds, builds and opens the pages."""

from __future__ import annotations

import subprocess
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from shared.tools.commands import guide, main


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(guide, "_SITE", tmp_path)
    (tmp_path / "pairs").mkdir()
    for page in ("index", "pairs/cnn"):
        (tmp_path / f"{page}.html").write_text(page)
    return tmp_path


def test_it_prints_where_a_page_is(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", "pairs/cnn", "--no-open"]) == 0
    assert capsys.readouterr().out == f"{site}/pairs/cnn.html\n"


def test_it_opens_a_page(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_url(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", open_url)
    assert main(["guide"]) == 0
    assert opened == [f"file://{site}/index.html"]


def test_without_a_browser_it_prints(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    assert main(["guide"]) == 0
    assert capsys.readouterr().out == f"{site}/index.html\n"


@pytest.mark.usefixtures("site")
def test_a_page_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guide", "pairs/cat"]) == 2
    expected = "error: PAGE: expected one of index, pairs/cnn; found 'pairs/cat'\n"
    assert capsys.readouterr().err == expected


def test_a_missing_guide_is_built_and_a_failure_leaves_none(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "index.html").unlink()
    commands: list[list[str]] = []

    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        (site / "index.html").write_text("half of it")
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", fail)
    assert main(["guide"]) == 2
    assert "expected a guide without warnings" in capsys.readouterr().err
    assert {"--fail-on-warning", "--nitpicky", str(site)} <= set(commands[0])
    assert not (site / "index.html").exists()
