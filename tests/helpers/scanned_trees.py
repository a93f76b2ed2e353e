"""Small trees to scan, for the tests of `pairs scan`."""

from __future__ import annotations

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from shared.tools.commands import main
from shared.tools.scan.files import Analyzer, Outcome
from shared.tools.scan.project import Finding, Scan, scan, scan_text

FILES = Path(__file__).resolve().parents[1] / "files" / "scan"


class CrashingAnalyzer(Analyzer):
    """One whose process ends at a file named bad.py."""

    def file(self, path: str, fully: bool = False) -> Outcome:
        if path == "bad.py":
            os._exit(11)
        return super().file(path, fully)


def tree(folder: Path, **files: str | bytes) -> Path:
    """Writes files; in a name, two underscores stand for / and one for . before its ending."""
    for name, content in files.items():
        head, _, suffix = name.replace("__", "/").rpartition("_")
        path = folder / f"{head}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def marks(found: Scan) -> list[str]:
    """Each finding as `tests/files/scan/expected.toml` writes it."""
    return [mark(finding) for finding in found.findings]


def mark(finding: Finding) -> str:
    sign = {"use": "", "behaviour": "!", "unresolved": "?"}[finding.what]
    return f"{finding.cell_text}{finding.line} {sign}{finding.name}"


def of_text(text: str) -> list[str]:
    return marks(scan_text(text))


def of_tree(folder: Path) -> Scan:
    return scan(folder, jobs=1)


def as_json(path: Path, *flags: str) -> Any:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        assert main(["scan", str(path), "--format", "json", "--no-upgrade-script", *flags]) == 0
    return json.loads(output.getvalue())
