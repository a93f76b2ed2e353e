"""Runs a cluster until what trains has finished or one process fails, and leaves none behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from shared.errors import SuiteError
from shared.program.display import shown
from shared.tools.workers.cluster import Cluster, Task
from shared.tools.workers.processes import Process

Start = Callable[[Task, str, Path], Process]  # a task, its TF_CONFIG, the file for its errors
_TICK = 0.02  # seconds between two looks at the processes
_CONSEQUENCE = "all other processes answer"  # said by who noticed that another one is gone


class ClusterError(SuiteError):
    """A process of a cluster failed; all others were ended."""


class Launcher:
    """The processes of one cluster."""

    def __init__(self, cluster: Cluster, start: Start, logs: Path, restarts: int = 0) -> None:
        """Starts nothing yet.

        Args:
            cluster: which processes, and their addresses.
            start: starts one of them.
            logs: an existing folder for what they write to standard error.
            restarts: how many workers that serve a chief, and end, are started again.
        """
        self.cluster, self._start, self._logs = cluster, start, logs
        self._restarts = restarts
        self.processes: dict[Task, Process] = {}
        self.codes: dict[Task, int] = {}
        self._selector = selectors.DefaultSelector()

    def run(
        self,
        show: Callable[[Task, str], None],
        tick: Callable[[Mapping[Task, Process]], None] = lambda running: None,
    ) -> None:
        """Runs all processes until every one that trains has finished.

        Args:
            show: takes each line that a process prints.
            tick: called some fifty times a second with the processes that run.

        Raises:
            ClusterError: a process failed. No process is left.
        """
        with self._ended():
            for task in self.cluster.tasks:
                self._begin(task)
            while not self._finished():
                self._read(show, _TICK)
                tick({t: p for t, p in self.processes.items() if t not in self.codes})
            self._read(show, 0)

    def _begin(self, task: Task) -> None:
        process = self._start(task, self.cluster.tf_config(task), self._errors(task))
        self.processes[task] = process
        os.set_blocking(process.output, False)
        self._selector.register(process.output, selectors.EVENT_READ, (task, bytearray()))

    def _finished(self) -> bool:
        """Returns whether all that train have ended well; raises ClusterError when one has not."""
        for task in self.cluster.tasks:
            if task not in self.codes and (code := self.processes[task].poll()) is not None:
                self.codes[task] = code
                if self._restarts and task.kind == "worker" and self.cluster.serves(task):
                    self._restarts -= 1
                    del self.codes[task]
                    self._begin(task)
        serves = self.cluster.serves
        failed = [task for task, code in self.codes.items() if code or serves(task)]
        if failed:
            raise ClusterError(self._problem(failed))
        return all(task in self.codes for task in self.cluster.tasks if not serves(task))

    def _problem(self, failed: list[Task]) -> str:
        """Returns the line of the process that failed by itself: others fail because of it."""
        problems = [self._problem_of(task) for task in failed]
        own = [problem for problem in problems if _CONSEQUENCE not in problem]
        return (own or problems)[0]

    def _problem_of(self, task: Task) -> str:
        code = self.codes[task]
        lines = self._errors(task).read_text(errors="replace").strip().splitlines()
        own = [line for line in lines if line.startswith("error: ")]
        if code < 0 and not own:
            return f"{task}: expected to finish, found that {_name_of(-code)} ended it"
        said = (own or lines or [f"exit code {code}"])[-1].removeprefix("error: ")
        return said if said.startswith(str(task)) else f"{task}: {shown(said, None)}"

    def _errors(self, task: Task) -> Path:
        return self._logs / f"{task.kind}-{task.index}.txt"

    def _read(self, show: Callable[[Task, str], None], seconds: float) -> None:
        """Hands on the lines that came within a time."""
        events = self._selector.select(seconds)
        for key, _ in events:
            task, text = key.data
            block = os.read(key.fd, 65536)
            if not block:
                self._selector.unregister(key.fd)
                continue
            text += block
            *lines, rest = bytes(text).split(b"\n")
            text[:] = rest
            for line in lines:
                show(task, line.decode(errors="replace"))
        if not self._selector.get_map():
            time.sleep(seconds)  # nobody can print any more

    @contextlib.contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._end_all()
            self._selector.close()

    def _end_all(self) -> None:
        """Ends what still runs, and waits until it has gone.

        With SIGKILL: a worker has nothing to do at its end, and TensorFlow catches SIGTERM.
        """
        for task in self._running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.processes[task].pid, signal.SIGKILL)
        while self._running():
            time.sleep(_TICK)

    def _running(self) -> list[Task]:
        for task, process in self.processes.items():
            if task not in self.codes and (code := process.poll()) is not None:
                self.codes[task] = code
        return [task for task in self.processes if task not in self.codes]


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
