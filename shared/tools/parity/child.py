"""Records and measures in a process of its own: TensorFlow loads once for all its jobs.

Run as `python -m shared.tools.parity.child`, also under real TensorFlow 1.15 on Python 3.7; see
`shared/tools/answering_process.py`.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Sequence

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from shared.models import PAIRS
from shared.tools.answering_process import answer_requests
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


if __name__ == "__main__":
    answer_requests({"record": record_run, "measure": measure_model})
