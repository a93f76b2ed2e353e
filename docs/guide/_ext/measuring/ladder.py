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
from typing import Any

from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment

FOLDER = ROOT / "docs" / "guide" / "ladder"
RUNGS = sorted(path.parent.name for path in FOLDER.glob("*/train.py"))
ORIGINAL, UPGRADED, COMPAT, LEGACY = RUNGS[:4]
SCRIPTS = ("train", "reuse", "layers")
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


@dataclasses.dataclass(frozen=True)
class Script:
    """A script to run: with which Python, where, and in whose company.

    Attributes:
        path: the script.
        folder: where it is run; what it saves is there.
        python: the interpreter.
        process: scripts that share it run in one process, so that TensorFlow is loaded once.
    """

    path: Path
    folder: Path
    python: str
    process: str


class Worker:
    """A process that runs its scripts, a turn at a time."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        """Starts the process, which loads TensorFlow; takes scripts of one Python by name."""
        python = next(iter(scripts.values())).python
        environment = tf115_environment() if python == str(TF115_PYTHON) else dict(os.environ)
        environment["PYTHONPATH"] = str(ROOT)
        environment["PYTHONWARNINGS"] = "ignore"
        listed = [(str(script.path), str(script.folder)) for script in scripts.values()]
        self._numbers = {name: number for number, name in enumerate(scripts)}
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name("ladder_worker.py")), json.dumps(listed)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_loaded(self) -> None:
        """Returns when TensorFlow is there.

        Raises:
            RuntimeError: the process failed.
        """
        self._read_turn(Run())

    def take_turn(self, name: str, run: Run) -> bool:
        """Lets a script run until it has made its next steps; returns whether there are more.

        Args:
            name: of the script.
            run: gets what comes out.

        Raises:
            RuntimeError: the process failed otherwise than by an error of the script.
        """
        assert self._process.stdin
        self._process.stdin.write(f"{self._numbers[name]}\n")
        self._process.stdin.flush()
        return self._read_turn(run)

    def _read_turn(self, run: Run) -> bool:
        assert self._process.stdout
        for line in self._process.stdout:
            kind, text = line[0], line[2:].rstrip("\n")
            if kind in "./":
                return kind == "."
            if kind == ">":
                run.lines.append(text)
                if found := _TIME.search(text):
                    run.microseconds.append(int(found[1]))
            elif kind == "!":
                run.error = text
            else:
                vars(run).update(json.loads(text))
        _, messages = self._process.communicate()
        raise RuntimeError((messages.strip() or "no message").splitlines()[-1])

    def end(self) -> None:
        """Ends the process."""
        self._process.communicate()


def run_scripts(turns: list[dict[str, Script]]) -> dict[str, Run]:
    """Runs scripts, one at any time, those of a turn taking turns at every thousand steps.

    Args:
        turns: scripts by name; those of a later dictionary begin when all before are done.

    Returns:
        What came out of each, by name.

    Raises:
        RuntimeError: a process failed otherwise than by an error of its script.
    """
    scripts = {name: script for each in turns for name, script in each.items()}
    of_process: dict[str, dict[str, Script]] = {}
    for name, script in scripts.items():
        of_process.setdefault(script.process, {})[name] = script
    workers = {process: Worker(its) for process, its in of_process.items()}
    for worker in workers.values():
        worker.wait_until_loaded()
    runs = {name: Run() for name in scripts}
    for each in turns:
        left = list(each)
        while left:
            left = [n for n in left if workers[scripts[n].process].take_turn(n, runs[n])]
    for worker in workers.values():
        worker.end()
    return runs


def main() -> None:
    """Writes the runs of the scripts of each rung that could be run."""
    with tempfile.TemporaryDirectory(prefix="ladder-") as folder:
        print(json.dumps(measure(RUNGS, Path(folder))))


def measure(rungs: list[str], folder: Path) -> dict[str, dict[str, Any]]:
    """Runs `train.py` of the rungs, then `reuse.py` and `layers.py` of those that have it.

    Rung 1 is run as 2to3 leaves it, under TensorFlow 1.15, and left out where that is missing.

    Raises:
        RuntimeError: a process failed otherwise than by an error of its script.
    """
    turns: dict[str, dict[str, Script]] = {script: {} for script in SCRIPTS}
    for rung in rungs:
        python = str(TF115_PYTHON) if rung == ORIGINAL else sys.executable
        if not Path(python).exists():
            continue
        place = folder / rung
        place.mkdir()
        # Rung 3 turns eager mode off and rung 4 Keras 3, for all that their process runs.
        process = rung if rung in (ORIGINAL, COMPAT, LEGACY) else "native"
        for script in SCRIPTS:
            has_it = (FOLDER / rung / f"{script}.py").exists()
            if script == "train" or (has_it and rung != UPGRADED):
                turns[script][f"{rung} {script}"] = Script(
                    script_of(rung, script), place, python, process
                )
    runs = run_scripts(list(turns.values()))
    return {
        rung: {
            script: dataclasses.asdict(runs[f"{rung} {script}"])
            if f"{rung} {script}" in runs
            else None
            for script in SCRIPTS
        }
        for rung in rungs
        if f"{rung} train" in runs
    }


def script_of(rung: str, name: str) -> Path:
    """The file to run; for the original, written for Python 2, what 2to3 makes of it."""
    if rung == ORIGINAL:
        return FOLDER / UPGRADED / f"{name}_after_2to3.py"
    return FOLDER / rung / f"{name}.py"


if __name__ == "__main__":
    main()
