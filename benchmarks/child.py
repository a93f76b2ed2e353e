"""What runs in another process: real TensorFlow 1.15 on Python 3.7, or a peer.

Run as `python -m benchmarks.child`, so that rounds here alternate with rounds in other processes;
see `shared/tools/answering_process.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.clock import Running, seconds_of, seconds_of_each
from benchmarks.models_and_batches import read_workload
from benchmarks.runtimes import runtime_named
from benchmarks.tasks import open_task
from shared.tools.answering_process import answer_requests


class Child:
    """Answers requests; each method that a request names takes the request's other fields."""

    def __init__(self) -> None:
        self._open: dict[str, Running] = {}

    def open(
        self, key: str, runtime: str, task: str, model: str, settings: dict[str, Any], path: str
    ) -> dict[str, Any]:
        """Opens a task of a runtime, with the workload in the file at `path`."""
        workload, start = read_workload(path, model, settings)
        self._open[key] = running = open_task(task, runtime_named(runtime), workload, start)
        return {"steps_per_repetition": running.steps_per_repetition}

    def time(self, key: str, count: int) -> dict[str, Any]:
        """Times `count` repetitions together."""
        return {"seconds": seconds_of(self._open[key], count)}

    def time_each(self, key: str, count: int) -> dict[str, Any]:
        """Times `count` repetitions one by one."""
        return {"seconds": seconds_of_each(self._open[key], count)}

    def variables(self, key: str, path: str) -> dict[str, Any]:
        """Writes the model's variables as an .npz file."""
        values = self._open[key].variables()
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in values.items()}
        np.savez(path, **arrays)
        return {}

    def close(self, key: str) -> dict[str, Any]:
        """Forgets what was opened under `key`."""
        del self._open[key]
        return {}


if __name__ == "__main__":
    child = Child()
    names = ("open", "time", "time_each", "variables", "close")
    answer_requests({name: getattr(child, name) for name in names})
