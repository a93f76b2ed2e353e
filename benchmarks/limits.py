"""What the machine can do: matrix products and memory traffic, timed among the runtimes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.clock import Running
from benchmarks.models_and_batches import PeerStart, Workload
from benchmarks.runtimes import Runtime

_SIZE = 1024  # of the square matrices: 2.1e9 operations, 12 MB
OPERATIONS = 2 * _SIZE**3
_ARRAY_BYTES = 64 * 2**20  # beyond most caches
MOVED_BYTES = 2 * _ARRAY_BYTES  # read once, written once


def _matrices() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(0)
    a, b = (random.standard_normal([_SIZE, _SIZE]).astype(np.float32) for _ in "ab")
    return a, b


def _product(multiply: Callable[[], Any], wait: Callable[[Any], Any]) -> Running:
    def run(count: int) -> None:
        result = None
        for _ in range(count):
            result = multiply()
        wait(result)

    return Running(1, run, dict)


def tensorflow_product(runtime: Runtime, workload: Workload) -> Running:
    """Multiplies matrices by TensorFlow on the first device."""
    import tensorflow as tf

    a, b = map(tf.identity, _matrices())
    return _product(lambda: tf.matmul(a, b), lambda result: np.asarray(result[0, 0]))


def numpy_product(start: PeerStart, workload: Workload) -> Running:
    """Multiplies matrices by NumPy."""
    a, b = _matrices()
    return _product(lambda: a @ b, lambda result: None)


def torch_product(start: PeerStart, workload: Workload) -> Running:
    """Multiplies matrices by PyTorch."""
    torch = importlib.import_module("torch")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    a, b = (torch.tensor(matrix, device=device) for matrix in _matrices())
    return _product(lambda: a @ b, lambda result: result[0, 0].item())


def copy(runtime: Runtime, workload: Workload) -> Running:
    """Copies an array with as many threads as there are cores, or on the GPU."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        values = tf.Variable(tf.zeros([_ARRAY_BYTES // 4]))
        return _product(lambda: values.assign(-values), lambda result: np.asarray(values[0]))
    cores = os.cpu_count() or 1
    source, target = (np.ones(_ARRAY_BYTES // 4, np.float32) for _ in "st")
    pieces = list(zip(np.array_split(target, cores), np.array_split(source, cores), strict=True))
    pool = ThreadPoolExecutor(cores)
    return _product(
        lambda: list(pool.map(lambda piece: np.copyto(*piece), pieces)), lambda result: None
    )
