"""Runs every rung of the ladder, the rungs taking turns at every thousand steps; prints JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment

FOLDER = ROOT / "docs" / "guide" / "ladder"
RUNGS = sorted(path.parent.name for path in FOLDER.glob("*/train.py"))
ORIGINAL, UPGRADED = RUNGS[:2]
_TIME = re.compile(r"(\d+) us a step")


@dataclasses.dataclass
class Run:
    """What a script printed and what came out.

    Attributes:
        lines: what it printed.
        microseconds: a step, for each thousand of them; the first have building and tracing in.
        error: type and first line of the error that it stopped with.
        losses: of every step; empty when the script was not run to its end.
        w: the weight after the last step.
        b: the bias after the last step.
    """

    lines: list[str] = dataclasses.field(default_factory=list)
    microseconds: list[int] = dataclasses.field(default_factory=list)
    error: str | None = None
    losses: list[float] = dataclasses.field(default_factory=list)
    w: float | None = None
    b: float | None = None


class Worker:
    """A script that runs in a process of its own, a turn at a time."""

    def __init__(self, python: str, script: Path, folder: Path) -> None:
        environment = tf115_environment() if python == str(TF115_PYTHON) else dict(os.environ)
        environment["PYTHONPATH"] = str(ROOT)
        environment["PYTHONWARNINGS"] = "ignore"
        self.run = Run()
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("ladder_worker.py")), str(script)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def take_turn(self) -> bool:
        """Lets the script run until it has made its next steps; returns whether there are more.

        Raises:
            RuntimeError: the process failed otherwise than by an error of the script.
        """
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._end()
        for line in self._process.stdout:
            kind, text = line[0], line[2:].rstrip("\n")
            if kind == ">":
                self.run.lines.append(text)
                if found := _TIME.search(text):
                    self.run.microseconds.append(int(found[1]))
                    return True
            elif kind == "!":
                self.run.error = text
            else:
                vars(self.run).update(json.loads(text))
        return self._end()

    def _end(self) -> bool:
        _, messages = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError((messages.strip() or "no message").splitlines()[-1])
        return False


def run_scripts(scripts: dict[str, tuple[str, Path, Path]]) -> dict[str, Run]:
    """Runs scripts side by side, only one at any time.

    Args:
        scripts: for each name the Python to run it with, the script, and the folder to run it in.

    Returns:
        What came out of each, by name.

    Raises:
        RuntimeError: a process failed otherwise than by an error of its script.
    """
    workers = {name: Worker(*script) for name, script in scripts.items()}
    open_workers = list(workers.values())
    while open_workers:
        open_workers = [worker for worker in open_workers if worker.take_turn()]
    return {name: worker.run for name, worker in workers.items()}


def main() -> None:
    """Writes the runs of `train.py` and `reuse.py` of each rung that could be run."""
    with tempfile.TemporaryDirectory(prefix="ladder-") as folder:
        print(json.dumps(measure(RUNGS, Path(folder))))


def measure(rungs: list[str], folder: Path) -> dict[str, dict[str, object]]:
    """Runs `train.py` of the rungs, then `reuse.py` of those that change it.

    Rung 1 is run as 2to3 leaves it, under TensorFlow 1.15, and left out where that is missing.

    Raises:
        RuntimeError: a process failed otherwise than by an error of its script.
    """
    train: dict[str, tuple[str, Path, Path]] = {}
    reuse: dict[str, tuple[str, Path, Path]] = {}
    for rung in rungs:
        python = str(TF115_PYTHON) if rung == ORIGINAL else sys.executable
        if not Path(python).exists():
            continue
        place = folder / rung
        place.mkdir()
        train[rung] = (python, script_of(rung, "train"), place)
        if (FOLDER / rung / "reuse.py").exists() and rung != UPGRADED:
            reuse[rung] = (python, script_of(rung, "reuse"), place)
    trained = run_scripts(train)
    reused = run_scripts(reuse)
    return {
        rung: {
            "train": dataclasses.asdict(run),
            "reuse": dataclasses.asdict(reused[rung]) if rung in reused else None,
        }
        for rung, run in trained.items()
    }


def script_of(rung: str, name: str) -> Path:
    """The file to run; for the original, written for Python 2, what 2to3 makes of it."""
    if rung == ORIGINAL:
        return FOLDER / UPGRADED / f"{name}_after_2to3.py"
    return FOLDER / rung / f"{name}.py"


if __name__ == "__main__":
    main()
