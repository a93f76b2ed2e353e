"""The walk-through of docs/checkpoint-map.md, run as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shared.tools.checkpoint_conversion.optimizers import NOTES
from shared.tools.child_process import tf115_environment
from shared.tools.commands import main
from tf115_environment import require_tf115

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "checkpoint-map.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## An LSTM from start to end")[2].partition("\n## ")[0]


@pytest.mark.slow
@pytest.mark.tf115
def test_an_lstm_crosses_by_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```python\n# (\w+\.py).*?\n(.*?)```", SECTION, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    pythons = {".venv-tf115/bin/python": str(require_tf115()), "python": sys.executable}
    commands = "".join(re.findall(r"\n\n```\n(.*?)```", SECTION, re.DOTALL)).splitlines()
    assert len(commands) == 6
    for command in commands:
        words = shlex.split(command)
        if words[0] in pythons:
            subprocess.run([pythons[words[0]], *words[1:]], check=True, env=tf115_environment())
            continue
        assert words[0] == "pairs"
        words = [word.replace("python ", f"{sys.executable} ") for word in words]
        output = words[words.index(">") + 1] if ">" in words else None
        assert main(words[1 : words.index(">")] if output else words[1:]) == 0, command
        if output:
            Path(output).write_text(capsys.readouterr().out, encoding="utf-8")
    proposed = Path("map.toml").read_text(encoding="utf-8")
    shown = re.search(r"```toml\n(.*?)```", SECTION, re.DOTALL)
    assert shown and shown[1] in proposed
    printed = capsys.readouterr().out
    assert "predictions: equal within rounding" in printed
    assert "15 tensors: 15 bitwise equal" in printed


def rows_of_settings(page: str) -> dict[str, set[str]]:
    """By optimizer, the numbers of its rows in the table of settings."""
    table = page.partition("**Settings.**")[2].partition("**Adam's count.**")[0]
    rows: dict[str, set[str]] = {}
    for line in re.findall(r"^\| ([^|]+), [^|]+ \|(.*)$", table, re.MULTILINE):
        family = line[0].split()[-1]
        rows.setdefault(family, set()).update(re.findall(r"1e-\d+", line[1]))
    return rows


def test_the_settings_of_the_page_are_those_that_a_conversion_names() -> None:
    said = {family: set(re.findall(r"1e-\d+", note)) for family, note in NOTES.items()}
    said = {family: numbers for family, numbers in said.items() if numbers}
    assert len(said) == 5
    assert rows_of_settings(PAGE) == said
    without = PAGE.replace("| Adadelta, epsilon", "| AdaMax, epsilon")
    assert rows_of_settings(without) != said
