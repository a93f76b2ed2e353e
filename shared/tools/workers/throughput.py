"""Times clusters of this computer, and computes on paper what more machines would do.

The times hold for this computer alone, whose processes share its cores. `pairs workers
--throughput` writes them to docs/workers.json.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared.atomic_files import write_text
from shared.errors import SuiteError
from shared.tools.child_process import ROOT
from shared.tools.workers.cluster import Task, on_loopback
from shared.tools.workers.forks import Fork
from shared.tools.workers.launcher import Launcher

RESULT = ROOT / "docs" / "workers.json"
COUNTS = (1, 2, 4)
SHARE = 50  # images of a worker's share
_WARM, _STEPS, _PARTS = 10, 20, 5


@dataclasses.dataclass(frozen=True)
class Throughput:
    """What was measured.

    Attributes:
        cores: of the computer.
        images: a second, of softmax regression, by the number of workers, 50 images a share.
        step: seconds of such a step, likewise.
        reduce: seconds of an all-reduce of the softmax model's gradient, likewise; without the 1.
        latency: seconds that one of the 2 (n - 1) parts of an all-reduce of one number takes.
        cnn_bytes: the size of the CNN's gradient.
        cnn_image: seconds of a training step of the CNN for each of its images, one process.
    """

    cores: int
    images: dict[str, float]
    step: dict[str, float]
    reduce: dict[str, float]
    latency: float
    cnn_bytes: int
    cnn_image: float


def ring_seconds(workers: int, size: float, bandwidth: float, latency: float) -> float:
    """Returns how long a ring all-reduce takes.

    Each worker sends 2 (n - 1) parts of size / n to its neighbour: first so that each has the sum
    of one part, then so that all have all sums (Patarasuk and Yuan, 2009).

    Args:
        workers: n, at least 1.
        size: bytes of the gradient.
        bandwidth: bytes a second, of each worker in either direction.
        latency: seconds that each part takes beside its bytes.
    """
    return 2 * (workers - 1) * (size / workers / bandwidth + latency)


def hidden_from(communication: float, image: float) -> float:
    """Returns the images a worker needs so that computing takes as long as communication."""
    return communication / image


def measure(say: Callable[[str], None]) -> Throughput:
    """Measures; must run in a process that has run nothing of TensorFlow."""
    import tf2_style.cnn
    import tf2_style.several_workers  # noqa: F401  imported once, for all forks

    found: dict[int, dict[str, float]] = {}
    for count in COUNTS:
        say(f"{count} worker{'s' if count > 1 else ''}")
        found[count] = _in_cluster(count, _time_steps)
    say("the CNN")
    cnn = _in_cluster(1, _time_cnn)
    return Throughput(
        cores=os.cpu_count() or 1,
        images={str(n): n * SHARE / each["step"] for n, each in found.items()},
        step={str(n): each["step"] for n, each in found.items()},
        reduce={str(n): each["reduce"] for n, each in found.items() if n > 1},
        latency=found[2]["small"] / 2,
        cnn_bytes=int(cnn["bytes"]),
        cnn_image=cnn["image"],
    )


def _in_cluster(count: int, work: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Returns what the chief measures."""
    lines: list[str] = []

    def run() -> int:
        print("times " + json.dumps(work()), flush=True)
        return 0

    def keep(task: Task, line: str) -> None:
        if task.index == 0 and line.startswith("times "):
            lines.append(line)

    with tempfile.TemporaryDirectory() as logs:
        launcher = Launcher(
            on_loopback("tf2_style", count, 0), lambda t, c, e: Fork(run, c, e), Path(logs)
        )
        launcher.run(keep)
    found: dict[str, float] = json.loads(lines[0][6:])
    return found


def _time_steps() -> dict[str, float]:
    """Times the steps of several_workers, and its all-reduce alone."""
    import numpy as np
    import tensorflow as tf

    from tf2_style.several_workers import PROGRAM

    config = PROGRAM.Config(batch_size=SHARE * _workers())
    model = PROGRAM.model_class(config)
    batches = PROGRAM.task.batches(PROGRAM.task.load(config), config, range(1))
    batch = [array[0] for array in batches]
    numbers = sum(int(np.prod(p.shape)) for p in model.parameters.values())

    @tf.function
    def add_up(gradient: Any) -> Any:
        return model.strategy.reduce(tf.distribute.ReduceOp.SUM, gradient, axis=None)

    return {
        "step": _seconds(lambda: model.train_step(*batch)),
        "reduce": _seconds(lambda: add_up(tf.zeros([numbers]))),
        "small": _seconds(lambda: add_up(tf.zeros([]))),
    }


def _time_cnn() -> dict[str, float]:
    """Times a training step of the CNN in one process."""
    import numpy as np

    os.environ["TF_CONFIG"] = ""
    from tf2_style.cnn import PROGRAM

    config = PROGRAM.Config(batch_size=SHARE)
    model = PROGRAM.model_class(config)
    batches = PROGRAM.task.batches(PROGRAM.task.load(config), config, range(1))
    batch = [array[0] for array in batches]
    numbers = sum(int(np.prod(p.shape)) for p in model.parameters.values())
    step = _seconds(lambda: model.train_step(*batch), steps=4)
    return {"bytes": 4 * numbers, "image": step / SHARE}


def _workers() -> int:
    return len(json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"])


def _seconds(call: Callable[[], Any], steps: int = _STEPS) -> float:
    """Returns the seconds of a call: the median over parts of a run, each part's mean."""
    import numpy as np

    for _ in range(_WARM):
        np.asarray(call())
    parts = []
    for _ in range(_PARTS):
        begun = time.perf_counter()
        for _ in range(steps):
            np.asarray(call())  # waits for the number
        parts.append((time.perf_counter() - begun) / steps)
    return statistics.median(parts)


def read(path: Path = RESULT) -> Throughput:
    """Returns the committed measurement.

    Raises:
        SuiteError: the file is missing or holds something else.
    """
    try:
        return Throughput(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise SuiteError(f"{path}: expected the result of pairs workers, found: {error}") from error


def write(found: Throughput, path: Path = RESULT) -> None:
    """Writes a measurement as JSON, whole or not at all."""
    write_text(path, json.dumps(dataclasses.asdict(found), indent=2) + "\n", "--throughput")


def measured_rows(found: Throughput) -> list[list[str]]:
    """Returns a line for each number of workers, as text."""
    return [
        [
            workers,
            f"{found.images[workers]:,.0f}",
            f"{1000 * found.step[workers]:.2f}",
            f"{1000 * found.reduce[workers]:.2f}" if workers in found.reduce else "—",
        ]
        for workers in found.images
    ]


MEASURED_HEAD = ("workers", "images/s, all together", "ms a step", "ms of it all-reduce")
PAPER_HEAD = ("machines", "Gbit/s", "ms of all-reduce", "hidden from images a machine")


def paper_rows(
    found: Throughput,
    machines: Sequence[int] = (8, 64, 512),
    gigabits: Sequence[int] = (1, 10, 100),
) -> list[list[str]]:
    """Returns what the formula of the ring says of the CNN, a line for each network."""
    rows = []
    for count in machines:
        for speed in gigabits:
            seconds = ring_seconds(count, found.cnn_bytes, speed * 1e9 / 8, found.latency)
            images = hidden_from(seconds, found.cnn_image)
            rows.append([str(count), str(speed), f"{1000 * seconds:,.0f}", f"{images:,.0f}"])
    return rows
