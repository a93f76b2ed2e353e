"""What `docs/scan.md` shows is what the command prints; RENEW_DOCS=1 writes it there anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from shared.tools.commands import main
from shared.tools.scan.effort import MINUTES
from shared.tools.scan.verdicts import KINDS

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "scan.md"


def between(name: str, text: str) -> str:
    """What stands on the page between two marks, after it was renewed if that was asked."""
    pattern = re.compile(rf"(<!-- {name}: begin -->\n)(.*?)(<!-- {name}: end -->)", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    if os.environ.get("RENEW_DOCS") == "1":
        page = pattern.sub(lambda match: match[1] + text + match[3], page)
        PAGE.write_text(page, encoding="utf-8")
    found = pattern.search(page)
    assert found is not None
    return found[2]


def test_the_sample_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["scan", "tests/files/scan/methods/saver.py"]) == 0
    text = f"```\n{capsys.readouterr().out}```\n"
    assert between("sample", text) == text


def test_the_effort_rule_is_the_one_in_use() -> None:
    rows = [f"| `{kind}` | {first:g} | {other:g} |" for kind, (first, other) in MINUTES.items()]
    head = "| kind | first use, minutes | each other use, minutes |\n|---|---|---|\n"
    text = head + "\n".join(rows) + "\n"
    assert between("effort", text) == text


def test_every_kind_is_explained() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for kind, meaning in KINDS.items():
        # The page sets names in code, the terminal does not.
        row = next(line for line in page.splitlines() if line.startswith(f"| `{kind}` | "))
        assert meaning.split(",")[0] in row.replace("`", "")
