"""Measures the rows of the matrix: records every run, beside one another where cores are left."""

from __future__ import annotations

import dataclasses
import functools
import os
import queue
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from shared.models import Pair
from shared.tools.compare.traces import compare
from shared.tools.parity.bounds import BITWISE, bound_of
from shared.tools.parity.matrix import REFERENCE, Row, candidate_of, row, steps_of, why_skipped
from shared.tools.parity.other_processes import ELSEWHERE, Child, start_here
from shared.tools.parity.recording import (
    Recording,
    Run,
    batches_of,
    record_beside,
    record_unwatched,
)
from shared.trace_recorder import Trace, read_trace

MOST_PROCESSES = 4  # of one to two gigabytes each

# Begun in this order, before the others: none of them is left to one core at the end.
LONGEST_FIRST = (
    "cnn",
    "relu_regression",
    "mlp",
    "adversarial",
    "residual_network",
    "recurrent_network",
)

# Traces that another process has still to record, by their path.
Pending = Mapping[Path, "Future[None]"]


def measure(
    pairs: Sequence[Pair], runtimes: Sequence[str], steps: int | None, folder: Path
) -> Generator[Row, None, None]:
    """Measures models; yields a row for each model and runtime.

    The rows of a model follow each other. A single model is measured in this process. Several are
    measured beside one another, a process for each core but four at most, and come as they are
    done. The runtimes of `ELSEWHERE`, TensorFlow 1.15 and a GPU, record meanwhile, in a process
    each.

    Args:
        pairs: the models.
        runtimes: keys of `matrix.RUNTIMES`, in its order.
        steps: how many to train; None for the default of each model.
        folder: where traces are written and removed again; the CNN's take 150 MB each.

    Raises:
        SuiteError: another process failed.
        TraceFileError: a trace cannot be written.
    """
    pairs = sorted(pairs, key=_turn)
    with ExitStack() as stack:
        elsewhere = _record_elsewhere(pairs, runtimes, steps, folder, stack)
        if len(pairs) == 1:
            yield from measure_here(pairs[0], runtimes, steps, folder)
            yield from _rows_elsewhere(pairs[0], runtimes, folder, elsewhere)
        else:
            for pair, rows in _measure_side_by_side(pairs, runtimes, steps, folder, stack):
                yield from rows
                yield from _rows_elsewhere(pair, runtimes, folder, elsewhere)


def _turn(pair: Pair) -> int:
    names = LONGEST_FIRST
    return names.index(pair.name) if pair.name in names else len(names)


def _executor(stack: ExitStack, threads: int) -> ThreadPoolExecutor:
    """Returns threads that begin nothing more once the stack unwinds."""
    executor = ThreadPoolExecutor(threads)
    stack.callback(executor.shutdown, cancel_futures=True)
    return executor


def _path(folder: Path, pair: Pair, runtime: str) -> Path:
    return folder / f"{pair.name}-{runtime}.npz"


# ---- beside this process --------------------------------------------------------------------


def _record_elsewhere(
    pairs: Sequence[Pair],
    runtimes: Sequence[str],
    steps: int | None,
    folder: Path,
    stack: ExitStack,
) -> Pending:
    """Begins to record what needs a process of another kind, one a runtime for all models."""
    recorded = {}
    for name in runtimes:
        fitting = [pair for pair in pairs if name in ELSEWHERE and not why_skipped(name, pair)]
        if not fitting:
            continue
        executor = _executor(stack, 1)
        child = stack.enter_context(ELSEWHERE[name].start())
        for pair in fitting:
            path = _path(folder, pair, name)
            run = ELSEWHERE[name].runtime, pair.name, steps_of(pair, name, steps), path
            recorded[path] = executor.submit(child.record, *run)
    return recorded


def _rows_elsewhere(
    pair: Pair, runtimes: Sequence[str], folder: Path, recorded: Pending
) -> Iterator[Row]:
    """Waits for the traces recorded elsewhere, yields their rows, removes the reference's trace."""
    reference = _path(folder, pair, "reference")
    for runtime in runtimes:
        if runtime not in ELSEWHERE:
            continue
        candidate = _path(folder, pair, runtime)
        if candidate in recorded:
            recorded[candidate].result()
            with read_trace(reference) as a, read_trace(candidate) as b:
                found = row(pair, runtime, a, b)
            yield found
            candidate.unlink()
        else:
            yield _skipped(pair, runtime)
    reference.unlink()


def _measure_side_by_side(
    pairs: Sequence[Pair],
    runtimes: Sequence[str],
    steps: int | None,
    folder: Path,
    stack: ExitStack,
) -> Iterator[tuple[Pair, list[Row]]]:
    """Yields each model with what `measure_here` finds, whichever is done first."""
    processes = min(len(pairs), os.cpu_count() or 1, MOST_PROCESSES)
    executor = _executor(stack, processes)
    idle: queue.SimpleQueue[Child] = queue.SimpleQueue()
    for _ in range(processes):
        idle.put(stack.enter_context(start_here()))

    def rows_of(pair: Pair) -> list[Row]:
        child = idle.get()
        try:
            found = child.measure(pair.name, runtimes, steps, folder)
        finally:
            idle.put(child)
        return [Row(**fields) for fields in found]

    pair_of = {executor.submit(rows_of, pair): pair for pair in pairs}
    for done in as_completed(pair_of):
        yield pair_of[done], done.result()


# ---- in this process ------------------------------------------------------------------------


def measure_here(
    pair: Pair, runtimes: Sequence[str], steps: int | None, folder: Path
) -> Iterator[Row]:
    """Records the reference, which stays, and yields the rows of the runtimes of this process.

    Args:
        pair: the model.
        runtimes: keys of `matrix.RUNTIMES`; those that need a process of another kind are left out.
        steps: how many to train; None for the default of the model.
        folder: where traces are written.

    Raises:
        TraceFileError: a trace cannot be written.
    """
    here = [runtime for runtime in runtimes if runtime not in ELSEWHERE]
    bitwise = [r for r in here if not why_skipped(r, pair) and bound_of(r, pair) is BITWISE]
    reference = _path(folder, pair, "reference")
    paths = {runtime: _path(folder, pair, runtime) for runtime in here}
    together = [("session", reference), *((runtime, paths[runtime]) for runtime in bitwise)]
    record_beside([_recording(name, pair, steps, path) for name, path in together], pair.name)
    with read_trace(reference) as a:
        is_unchanged = functools.cache(lambda: _is_same_unrecorded("session", pair, a))
        for runtime, candidate in paths.items():
            if why_skipped(runtime, pair):
                yield _skipped(pair, runtime)
                continue
            if runtime not in bitwise:
                record_beside([_recording(runtime, pair, steps, candidate)], pair.name)
            with read_trace(candidate) as b:
                found = row(pair, runtime, a, b)
                if runtime in bitwise:
                    same = is_unchanged()
                    if runtime != "session":  # for it, the reference has shown that already
                        same = same and _is_same_unrecorded(runtime, pair, b)
                    found = dataclasses.replace(found, unrecorded_equal=same)
            yield found
            candidate.unlink()


def _skipped(pair: Pair, runtime: str) -> Row:
    why = why_skipped(runtime, pair)
    return Row(pair.name, REFERENCE, candidate_of(runtime, pair), skipped=why)


def _make(runtime: str, pair: Pair) -> Run:
    from shared.tools.parity import runtimes

    run: Run = getattr(runtimes, runtime.replace("-", "_"))(pair)
    return run


def _recording(runtime: str, pair: Pair, steps: int | None, path: Path) -> Recording:
    run = _make(runtime, pair)
    batches = batches_of(pair, run.config)
    return Recording(run, batches, steps_of(pair, runtime, steps), str(path), runtime)


def _is_same_unrecorded(runtime: str, pair: Pair, recorded: Trace) -> bool:
    """Whether the run, made once more without a watch, has the same bits as the trace of it."""
    run = _make(runtime, pair)
    path = Path(recorded.path).with_name(f"{pair.name}-unrecorded.npz")
    record_unwatched(run, batches_of(pair, run.config), len(recorded.steps), str(path))
    with read_trace(path) as unrecorded:
        stages = ("initial", "loss", "slot", "variable")
        found = compare(recorded, unrecorded, stages=stages, with_hints=False)
    path.unlink()
    return found.bitwise
