"""A million lines: the memory that a scan may take; its seconds are printed, not judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LINES = 1_000_000


class Watch:
    """What a process and all below it hold and have used, as Linux counts it."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.most = 0.0  # megabytes at a time
        self.seconds: dict[int, float] = {}  # of a processor, by process

    def look(self) -> None:
        parents, sizes, used = {}, {}, {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                # What follows the name, which stands in brackets and may hold anything.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            number = int(folder.name)
            parents[number] = int(fields[1])
            used[number] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            sizes[number] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        family = {self.root}
        while more := {n for n, parent in parents.items() if parent in family} - family:
            family |= more
        self.most = max(self.most, sum(sizes.get(number, 0) for number in family))
        self.seconds.update((number, used[number]) for number in family if number in used)

    def on_two_idle_cores(self) -> float:
        """The seconds that it would take with nothing else on the machine.

        The first process works while the others do nothing, and these, two at a time, while it
        waits. The clock on the wall would tell how busy the machine is.
        """
        first = self.seconds[self.root]
        return first + (sum(self.seconds.values()) - first) / 2


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
def test_a_million_lines_take_at_most_500_mb(tmp_path: Path) -> None:
    code, out = tmp_path / "code", tmp_path / "report.json"
    code.mkdir()
    files = write_tree(code)
    arguments = ["scan", str(code), "--jobs", "2", "--format", "json", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "shared.tools.commands", *arguments, "--no-upgrade-script"], cwd=ROOT
    )
    watch = Watch(process.pid)
    while process.poll() is None:
        watch.look()
        time.sleep(0.1)
    seconds, most = watch.on_two_idle_cores(), watch.most
    totals = json.loads(out.read_text(encoding="utf-8"))["totals"]
    print(f"{seconds:.1f} s, at most {most:.0f} MB in all processes together")
    assert (totals["files"], totals["files_not_scanned"]) == (files, 0)
    assert totals["lines"] >= LINES
    assert 50 < most <= 500
