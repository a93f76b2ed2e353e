"""Does jobs in a process of its own, one after the other: TensorFlow loads once for all of them.

Run as `python -m shared.tools.parity.child`, also under real TensorFlow 1.15 on Python 3.7. A job
is a line of JSON on standard input: {"do": a name of `JOBS`, and its arguments}. What it returns is
a line of JSON on standard output. A job that fails ends the process.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import IO, Any, Callable, Sequence

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.models import PAIRS
from shared.tools.parity.recording import batches_of, record
from shared.tools.parity.session import session


def record_run(runtime: str, model: str, steps: int, path: str) -> None:
    """Records a run; `runtime` is `session`, or with the installed TensorFlow also `gpu`.

    Raises:
        TraceFileError: the trace cannot be written.
    """
    pair = PAIRS[model]
    if runtime == "gpu":
        from shared.tools.parity.runtimes import gpu

        run = gpu(pair)
    elif runtime == "session":
        run = session(pair)
    else:
        raise ValueError(f"runtime: expected session or gpu, found {runtime!r}")
    record(run, batches_of(pair, run.config), steps, path, model, runtime)


def measure_model(
    model: str, runtimes: Sequence[str], steps: int | None, folder: str
) -> list[dict[str, Any]]:
    """Returns the fields of each row of a model that `measuring.measure_here` yields."""
    from shared.tools.parity.measuring import measure_here

    rows = measure_here(PAIRS[model], runtimes, steps, Path(folder))
    return [dataclasses.asdict(row) for row in rows]


JOBS: dict[str, Callable[..., Any]] = {"record": record_run, "measure": measure_model}


def main() -> None:
    """Does the jobs that standard input holds."""
    answers = _standard_output_for_answers_alone()
    for line in sys.stdin:
        job = json.loads(line)
        found = JOBS[job.pop("do")](**job)
        print(json.dumps(found), file=answers, flush=True)


def _standard_output_for_answers_alone() -> IO[str]:
    """Returns standard output; what a library prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    main()
