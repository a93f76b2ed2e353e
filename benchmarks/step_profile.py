"""Where the time of a training step goes, operation by operation: `pairs bench --profile MODEL`.

TensorFlow's profiler writes down when each operation runs in which thread, except for those that
its executor has found to be short, a few microseconds at most: these it runs without a note,
whatever level of detail it is asked for. Each moment of the run is divided among the operations
that run in it, so that the times add up to the step's: two that run at once get half of the moment
each. What is left are the moments in which no noted operation runs: short operations, the
executor between two of them, the call, Python.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from benchmarks import machine
from benchmarks.clock import Running
from benchmarks.interleave import interleave
from benchmarks.models_and_batches import Workload, make_workload
from benchmarks.processes import timed_here
from benchmarks.results import Result, Row
from benchmarks.runtimes import DEFAULTS, runtime_named
from benchmarks.tasks import open_task
from shared.errors import SuiteError

# Of a floor: an operation's time by TensorFlow's matrix product, a byte's by a copy.
_LIMITS = ("product-tensorflow", "copy")
_ROUNDS, _SECONDS = 5, 0.15
# The profiler names an operation of a graph NAME:TYPE, and one that is called eagerly as here.
_IN_GRAPH = re.compile(r"[^: ]+:(?P<type>[A-Za-z_]\w*)")
_EAGER = re.compile(r"EagerLocalExecute: (?P<type>(?!__)[A-Za-z_]\w*)")
_HAND_ON = {"Placeholder", "Const", "Identity", "IdentityN", "NoOp"}


class Event(NamedTuple):
    """One operation's run."""

    operation: str  # its type, such as MatMul
    start: int  # in picoseconds
    end: int


@dataclasses.dataclass(frozen=True)
class Operation:
    """All runs of one type of operation, a step's share of them."""

    type: str
    calls: float  # per step
    seconds: float  # per step


@dataclasses.dataclass(frozen=True)
class Profile:
    """Where the time of a step goes."""

    model: str
    runtime: str  # its name
    batch: int
    steps: int  # that were profiled
    seconds: float  # per step, not profiled
    profiled_seconds: float  # per step, profiled: writing it all down takes time too
    floor_seconds: float  # what no program can be below, see benchmarks.counts
    graph_operations: int  # in the graph of a step, as it is traced
    operations: tuple[Operation, ...]  # those noted, the longest first

    @property
    def rest_seconds(self) -> float:
        """The seconds of a profiled step in which no noted operation runs."""
        return self.profiled_seconds - sum(found.seconds for found in self.operations)


def profile_default(model: str) -> Profile:
    """Profiles a model's training as its TensorFlow 2 script trains, on the CPU.

    Raises:
        SuiteError: the profiler wrote nothing that can be read.
    """
    workload, runtime = make_workload(model), runtime_named(DEFAULTS[model])
    running = open_task("train", runtime, workload)
    row, floor = _step_and_floor(running, runtime.name, workload)
    seconds = statistics.median(row.seconds)
    count = max(1, round(_SECONDS / (seconds * running.steps_per_repetition)))
    wall, events = _profiled(running, count)
    steps = count * running.steps_per_repetition
    calls = Counter(event.operation for event in events)
    found = [
        Operation(name, calls[name] / steps, taken * 1e-12 / steps)
        for name, taken in divided_times(events).items()
    ]
    found.sort(key=lambda operation: -operation.seconds)
    return Profile(
        model=model,
        runtime=runtime.name,
        batch=workload.batch,
        steps=steps,
        seconds=seconds,
        profiled_seconds=wall / steps,
        floor_seconds=floor,
        graph_operations=_operations_in_graph(workload, runtime.optimizer),
        operations=tuple(found),
    )


def _operations_in_graph(workload: Workload, optimizer: str | None) -> int:
    """Counts the operations in the graph of one step, but for those that only hand a value on."""
    model = workload.create("tf2_style", optimizer)
    graph = model.train_step.get_concrete_function().graph
    return sum(operation.type not in _HAND_ON for operation in graph.get_operations())


def about(command: str) -> dict[str, Any]:
    """Returns what profiles were made with: command, day, machine, versions, threads."""
    return {
        "command": command,
        "finished": datetime.date.today().isoformat(),
        "machine": machine.description("cpu"),
        "versions": machine.versions(),
        "conditions": machine.conditions("cpu"),
    }


def divided_times(events: Iterable[Event]) -> dict[str, float]:
    """Returns the picoseconds of each type: what runs at the same moment shares it evenly."""
    edges = [(event.start, 1, event.operation) for event in events]
    edges += [(event.end, -1, event.operation) for event in events]
    edges.sort()
    running: Counter[str] = Counter()
    times: dict[str, float] = defaultdict(float)
    before, count = 0, 0
    for moment, change, operation in edges:
        if count:
            for name, several in running.items():
                times[name] += (moment - before) * several / count
        running[operation] += change
        if not running[operation]:
            del running[operation]
        count, before = count + change, moment
    return dict(times)


def _step_and_floor(running: Running, name: str, workload: Workload) -> tuple[Row, float]:
    """Returns the seconds of a step by round, and the median of its floor in these rounds."""
    timed = {name: timed_here(running)}
    for limit in _LIMITS:
        timed[limit] = timed_here(runtime_named(limit).open(workload))
    times = interleave(timed, _ROUNDS, _SECONDS)
    rows = [
        Row(workload.model, "train", runtime, "cpu", workload.batch, tuple(seconds))
        for runtime, seconds in times.items()
    ]
    result = Result({"machine": machine.description("cpu")}, rows)
    return rows[0], statistics.median(result.floor(rows[0]))


def _profiled(running: Running, count: int) -> tuple[float, list[Event]]:
    """Returns the seconds of `count` repetitions that are profiled, and their operations."""
    import tensorflow as tf

    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=2, python_tracer_level=0, device_tracer_level=0
    )
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        with tf.profiler.experimental.Profile(folder, options):
            start = time.perf_counter()
            running.run(count)
            wall = time.perf_counter() - start
        events = [event for path in Path(folder).rglob("*.xplane.pb") for event in read(path)]
    if not events:
        raise SuiteError("--profile: expected TensorFlow's profiler to note operations, found none")
    return wall, events


def read(path: Path) -> list[Event]:
    """Returns the operations in a file that TensorFlow's profiler has written."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    return [
        Event(operation, start, start + event.duration_ps)
        for plane in space.planes
        for line in plane.lines
        for event in line.events
        if (operation := operation_of(plane.event_metadata[event.metadata_id].name))
        for start in [line.timestamp_ns * 1000 + event.offset_ps]
    ]


def operation_of(name: str) -> str | None:
    """Returns the type of the operation that an event of this name is; None if it is none."""
    match = _IN_GRAPH.fullmatch(name) or _EAGER.fullmatch(name)
    return match["type"].removeprefix("_Mkl").removeprefix("_") if match else None
