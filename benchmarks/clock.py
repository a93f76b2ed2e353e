"""The one clock of all measurements, here and in other processes: real TensorFlow 1.15, peers."""

from __future__ import annotations

import contextlib
import gc
import time
from typing import Any, Callable, Iterator, Mapping, NamedTuple

import numpy as np

from benchmarks.models_and_batches import Workload


class Running(NamedTuple):
    """A piece of work that can be repeated."""

    unit: int  # steps (or calls) that one repetition makes
    run: Callable[[int], Any]  # repeats; returns after the last result is there
    variables: Callable[[], Any]  # the model's variables by name, to see that it trained


def stepwise(train_step: Callable[..., Any], workload: Workload, variables: Any) -> Running:
    """A way that makes one step a call, from the batches in turn."""
    return cycled(train_step, list(zip(*workload.arrays)), variables)


def cycled(step: Callable[..., Any], batches: list, variables: Any) -> Running:
    """Calls `step` with each of `batches` in turn, again and again."""
    position = 0

    def run(count: int) -> None:
        nonlocal position
        loss = None
        for index in range(position, position + count):
            loss = step(*batches[index % len(batches)])
        position += count
        wait_for(loss)

    return Running(1, run, variables)


def repeated(call: Callable[[], Any], unit: int, variables: Any) -> Running:
    """A way whose call makes `unit` steps."""

    def run(count: int) -> None:
        for _ in range(count):
            wait_for(call())

    return Running(unit, run, variables)


def wait_for(result: Any) -> None:
    """Returns when a result, or each of several by name, is there: a device may be at work."""
    for value in result.values() if isinstance(result, Mapping) else [result]:
        np.asarray(value)


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keeps the garbage collector off, so that it never falls into a timed piece."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def seconds_of(running: Running, count: int) -> float:
    """How long `count` repetitions take, in seconds."""
    with no_garbage_collection():
        start = time.perf_counter()
        running.run(count)
        return time.perf_counter() - start


def seconds_of_each(running: Running, count: int) -> list[float]:
    """How long each of `count` repetitions takes, in seconds."""
    seconds = []
    with no_garbage_collection():
        for _ in range(count):
            start = time.perf_counter()
            running.run(1)
            seconds.append(time.perf_counter() - start)
    return seconds
