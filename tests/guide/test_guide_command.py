"""`pairs guide` finds, builds and opens the pages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


# Builds the guide of another folder, at another place.
BUILD = """
import sys
from pathlib import Path
from shared.tools.commands import guide, main

guide._SOURCES, guide._SITE = Path(sys.argv[1]), Path(sys.argv[2])
sys.exit(main(["guide", "--build", "--no-open"]))
"""
# What a guide measures while Sphinx begins: a process that has begun to write something.
MEASURES = """
import subprocess, sys, tempfile
code = "import sys, tempfile, time; tempfile.mkstemp(); open(sys.argv[1], 'w'); time.sleep(1000)"
with tempfile.TemporaryDirectory():
    subprocess.run([sys.executable, "-c", code, TOLD])
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_ends_a_build_with_all_its_processes_and_leaves_the_old_guide(
    number: int, code: int, tmp_path: Path
) -> None:
    names = ("sources", "build/guide", "temporary")
    sources, site, temporary = (tmp_path / name for name in names)
    for folder in (sources, site, temporary):
        folder.mkdir(parents=True)
    (site / "index.html").write_text("old")
    told = tmp_path / "told"
    (sources / "conf.py").write_text(f"TOLD = {str(told)!r}\n{MEASURES}")
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(sources), str(site)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    until = time.monotonic() + 60
    while not told.exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    assert list(temporary.iterdir())
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert output == "" and errors.count("\n") == 1 and errors.startswith("Building the guide")
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True)
    assert left.stdout == ""
    assert list(temporary.iterdir()) == []
    assert [file.name for file in site.parent.iterdir()] == ["guide"]
    assert [file.read_text() for file in site.iterdir()] == ["old"]
