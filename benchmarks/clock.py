"""The one clock of all measurements, here and in other processes: real TensorFlow 1.15, peers."""

from __future__ import annotations

import time
from typing import Any, Callable, Mapping, NamedTuple

import numpy as np

from benchmarks.models_and_batches import Workload
from shared.garbage_collection import no_garbage_collection


class Running(NamedTuple):
    """A task of an opened model, ready to be repeated."""

    steps_per_repetition: int  # of another task than training: calls
    run: Callable[[int], Any]  # repeats; returns after the last result is there
    variables: Callable[[], Any]  # the model's variables by name, to see that it trained


def stepwise(train_step: Callable[..., Any], workload: Workload, variables: Any) -> Running:
    """Returns what calls `train_step` with each batch of the workload in turn, again and again."""
    return cycled(train_step, list(zip(*workload.arrays)), variables)


def cycled(step: Callable[..., Any], batches: list, variables: Any) -> Running:
    """Returns what calls `step` with each of `batches` in turn, again and again."""
    position = 0

    def run(count: int) -> None:
        nonlocal position
        loss = None
        for index in range(position, position + count):
            loss = step(*batches[index % len(batches)])
        position += count
        wait_for(loss)

    return Running(1, run, variables)


def repeated(call: Callable[[], Any], steps_per_call: int, variables: Any) -> Running:
    """Returns what makes `steps_per_call` steps by each call of `call`."""

    def run(count: int) -> None:
        for _ in range(count):
            wait_for(call())

    return Running(steps_per_call, run, variables)


def wait_for(result: Any) -> None:
    """Returns when a result, or each of several by name, is there: a device may be at work."""
    for value in result.values() if isinstance(result, Mapping) else [result]:
        np.asarray(value)


def seconds_of(running: Running, count: int) -> float:
    """Returns how long `count` repetitions take, in seconds."""
    with no_garbage_collection():  # which would fall into a timed piece
        start = time.perf_counter()
        running.run(count)
        return time.perf_counter() - start


def seconds_of_each(running: Running, count: int) -> list[float]:
    """Returns how long each of `count` repetitions takes, in seconds."""
    seconds = []
    with no_garbage_collection():
        for _ in range(count):
            start = time.perf_counter()
            running.run(1)
            seconds.append(time.perf_counter() - start)
    return seconds
