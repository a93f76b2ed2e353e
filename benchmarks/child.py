"""What runs in another process: real TensorFlow 1.15 on Python 3.7, or a peer.

Run as `python -m benchmarks.child`. Takes one JSON object per line on standard input and answers
each with one on standard output, so that rounds here alternate with rounds in other processes. An
exception is answered by its name and first line, under "error".
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import numpy as np

from benchmarks.clock import Running, seconds_of, seconds_of_each
from benchmarks.models_and_batches import read_workload
from benchmarks.runtimes import runtime_named
from benchmarks.tasks import open_task


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


def main() -> None:
    """Answers until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else a library prints must not look like an answer
    child = Child()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(child, request.pop("do"))(**request)
        except Exception as error:
            # TensorFlow 1's errors end in the lines that built the graph: the first line says what.
            message = str(error).strip().split("\n")[0]
            answer = {"error": type(error).__name__ + ": " + message}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
