"""A million lines: the seconds and the memory that a scan may take."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINES = 1_000_000

# Prints the most memory that the scan, or one of its processes, held at a time.
PROGRAM = """
import resource, sys
from shared.tools.commands import main
code = main(sys.argv[1:])
for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
    print(resource.getrusage(who).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def write_tree(folder: Path) -> int:
    """Writes copies of the TensorFlow 1 style until they have a million lines; returns how many."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tf1_style").glob("*.py"))]
    texts = [text for text in texts if "tensorflow" in text]
    written = files = 0
    while written < LINES:
        text = texts[files % len(texts)]
        path = folder / f"package{files // 100}" / f"module{files}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written += text.count("\n")
        files += 1
    return files


@pytest.mark.slow
def test_a_million_lines_take_30_seconds_and_500_mb(tmp_path: Path) -> None:
    code, out = tmp_path / "code", tmp_path / "report.json"
    code.mkdir()
    files = write_tree(code)
    arguments = ["scan", str(code), "--jobs", "2", "--format", "json", "--out", str(out)]
    begin = time.monotonic()
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments, "--no-upgrade-script"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds = time.monotonic() - begin
    kilobytes = [int(line) for line in process.stderr.split()]
    totals = json.loads(out.read_text(encoding="utf-8"))["totals"]
    assert (totals["files"], totals["files_not_scanned"]) == (files, 0)
    assert totals["lines"] >= LINES
    print(f"{seconds:.1f} s, {kilobytes[0] / 1000:.0f} MB, a process {kilobytes[1] / 1000:.0f} MB")
    assert seconds <= 30
    # Two processes at a time, beside the one that collects.
    assert (kilobytes[0] + 2 * kilobytes[1]) / 1000 <= 500
