"""Runs clusters as forks of one process that has imported a style and run nothing of TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import importlib
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import forked_python
from shared.data.digits import load_digits
from shared.errors import SuiteError
from shared.program.tasks import ImageTask
from shared.tools.workers.cluster import Cluster, Task, on_loopback
from shared.tools.workers.forks import Fork
from shared.tools.workers.launcher import ClusterError, Launcher
from shared.tools.workers.processes import Process

ROOT = Path(__file__).parents[2]
TIMEOUT = 240.0  # seconds; a cluster that hangs ends here
EVERY = 5  # steps between two saves
load_once = functools.cache(load_digits)  # forks share what was loaded before them
DIGITS = ImageTask(load_once, list)
REPORT = re.compile(r"step +(\d+) of")
RESUMED = re.compile(r"resumed at step (\d+) ")


@dataclasses.dataclass(frozen=True)
class Kill:
    """SIGKILL of one process: some seconds after the chief has reported so many times."""

    task: Task
    seconds: float
    reports: int = 0


@dataclasses.dataclass
class Outcome:
    """What one run of a cluster printed, and how it ended."""

    lines: list[str] = dataclasses.field(default_factory=list)
    error: str = ""
    seconds: float = 0.0
    killed: float = 0.0  # when, by time.monotonic
    after_kill: float = 0.0  # seconds from the kill until all processes had ended
    left: list[int] = dataclasses.field(default_factory=list)  # processes that were left behind

    def numbers(self, pattern: re.Pattern[str]) -> list[int]:
        """Returns the numbers of the lines that a pattern finds."""
        return [int(found[1]) for line in self.lines if (found := pattern.search(line))]

    @property
    def final(self) -> str:
        """The fingerprint of the chief's variables at the end, "" without an end."""
        found = [line.split()[1] for line in self.lines if line.startswith("final ")]
        return found[0] if found else ""


class Clusters:
    """Runs clusters of one style as forks of this process."""

    def __init__(
        self, style: str, workers: int, steps: int, work: Path, pair: str = "several_workers"
    ) -> None:
        """Imports the style, and runs nothing of it in this process."""
        program = importlib.import_module(f"{style}.{pair}").PROGRAM
        self.program = program._replace(task=DIGITS)
        load_once(program.Config().data)
        self.pair = pair
        if style == "tf1_style":
            _ask_often()
        self.style, self.workers, self.steps, self._work = style, workers, steps, work

    def run(self, folder: Path, kill: Kill | None = None, **settings: Any) -> Outcome:
        """Trains into a folder, and kills a process on the way if asked to."""
        every = {"report_every": EVERY, "checkpoint_every": EVERY}
        given = {"steps": self.steps, "checkpoint_dir": str(folder), **every, **settings}
        config = self.program.Config(**given)
        return self.run_work(self.cluster(), lambda task: self.train(config), kill)

    def cluster(self) -> Cluster:
        """Returns new addresses for the processes, one parameter server where there are any."""
        return on_loopback(self.style, self.workers, 1, pair=self.pair)

    def run_work(
        self,
        cluster: Cluster,
        work: Callable[[Task], int],
        kill: Kill | None = None,
        restarts: int = 0,
    ) -> Outcome:
        """Runs a function in every process of a cluster."""
        outcome, begun = Outcome(), time.monotonic()
        since = begun

        def show(task: Task, line: str) -> None:
            nonlocal since
            outcome.lines.append(line)
            if kill and len(outcome.numbers(REPORT)) <= kill.reports:
                since = time.monotonic()

        def tick(running: Mapping[Task, Process]) -> None:
            if not kill or outcome.killed or kill.task not in running:
                return
            has_reported = len(outcome.numbers(REPORT)) >= kill.reports
            if has_reported and time.monotonic() - since > kill.seconds:
                os.kill(running[kill.task].pid, signal.SIGKILL)
                outcome.killed = time.monotonic()

        launcher = Launcher(
            cluster,
            lambda task, tf_config, errors: Fork(lambda: work(task), tf_config, errors),
            self._work,
            restarts,
        )
        try:
            launcher.run(show, tick)
        except ClusterError as error:
            outcome.error = str(error)
        outcome.seconds = time.monotonic() - begun
        outcome.after_kill = time.monotonic() - outcome.killed if outcome.killed else 0.0
        outcome.left = [p.pid for p in launcher.processes.values() if _runs(p.pid)]
        return outcome

    def train(self, config: Any) -> int:
        """Runs in a fork."""
        try:
            result = self.program.train(config)
        except SuiteError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        if result.variables:  # the chief's
            print("final " + fingerprint(result.variables), flush=True)
        return 0


def _ask_often() -> None:
    """Lets a TensorFlow 1 worker that comes before the chief has initialized ask again soon.

    A MonitoredTrainingSession asks every 30 seconds and cannot be told otherwise.
    """
    import tensorflow.compat.v1 as tf

    manager = tf.train.SessionManager
    manager.__init__ = functools.partialmethod(manager.__init__, recovery_wait_secs=0.2)


def fingerprint(variables: Mapping[str, Any]) -> str:
    """Returns a digest of all bits of the variables."""
    digest = hashlib.sha256()
    for name, value in sorted(variables.items()):
        digest.update(name.encode() + value.tobytes())
    return digest.hexdigest()[:16]


def _runs(pid: int) -> bool:
    """Whether a process runs or is a zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def run_module(module: str, *arguments: str, timeout: float = TIMEOUT, expected: int = 0) -> str:
    """Runs a module of tests/helpers or tests/torture in a process that has run no TensorFlow.

    That is a fork of a process that has imported it, and forks again for each process of a cluster.
    """
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", ROOT / "tests" / "helpers")))
    command = [sys.executable, "-m", module, *arguments]
    done = forked_python.run(command, env={**os.environ, "PYTHONPATH": path}, timeout=timeout)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout
