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
    site = tmp_path / "guide"
    monkeypatch.setattr(guide, "_SITE", site)
    (site / "pairs").mkdir(parents=True)
    for page in ("index", "pairs/cnn"):
        (site / f"{page}.html").write_text(page)
    return site


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
    expected = "error: PAGE: expected one of 2 pages, such as pairs/cnn; found 'pairs/cat'\n"
    assert capsys.readouterr().err == expected


def built_by(monkeypatch: pytest.MonkeyPatch, code: int) -> list[list[str]]:
    """Lets Sphinx write a page and end with a code; returns the commands that it was called by."""
    commands: list[list[str]] = []

    def build(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[-1])
        folder.mkdir()
        (folder / "index.html").write_text("new")
        return subprocess.CompletedProcess(command, code)

    monkeypatch.setattr(guide, "run_group", build)
    return commands


def test_a_missing_guide_is_built_and_a_failure_leaves_none(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "index.html").unlink()
    commands = built_by(monkeypatch, 1)
    assert main(["guide"]) == 2
    assert "expected a guide without warnings" in capsys.readouterr().err
    assert {"--fail-on-warning", "--nitpicky"} <= set(commands[0])
    assert not (site / "index.html").exists()
    assert list(site.parent.iterdir()) == [site]


def test_a_guide_takes_its_place_as_a_whole(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = built_by(monkeypatch, 0)
    assert main(["guide", "--build", "--no-open"]) == 0
    assert not Path(commands[0][-1]).is_relative_to(site)  # a killed build leaves the old guide
    assert [file.name for file in site.iterdir()] == ["index.html"]
    assert list(site.parent.iterdir()) == [site]


def test_a_tree_that_cannot_be_written_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guide, "_SITE", Path("/proc/nothing/guide"))
    assert main(["guide", "--build"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: /proc/nothing/guide: cannot be written: ")
