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

# By device. Of the square matrices: on a CPU, 12 MB and 2.1e9 operations; a GPU is given so much
# to do that its start does not count.
_SIZE = {"cpu": 1024, "gpu": 8192}
OPERATIONS = {device: 2 * size**3 for device, size in _SIZE.items()}
_ARRAY_BYTES = {"cpu": 64 * 2**20, "gpu": 2**30}  # beyond the caches
MOVED_BYTES = {device: 2 * size for device, size in _ARRAY_BYTES.items()}  # read once, written once


def _matrices(device: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    shape = _SIZE[device], _SIZE[device]
    a, b = (random.standard_normal(shape, np.float32) for _ in "ab")
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

    device = "gpu" if tf.config.list_logical_devices("GPU") else "cpu"
    a, b = map(tf.identity, _matrices(device))
    return _product(lambda: tf.matmul(a, b), lambda result: np.asarray(result[0, 0]))


def numpy_product(start: PeerStart, workload: Workload) -> Running:
    """Multiplies matrices by NumPy."""
    a, b = _matrices("cpu")
    return _product(lambda: a @ b, lambda result: None)


def torch_product(start: PeerStart, workload: Workload) -> Running:
    """Multiplies matrices by PyTorch."""
    torch = importlib.import_module("torch")
    place = importlib.import_module("benchmarks.peers.torch_peer").first_device()
    device = "gpu" if place == "cuda" else "cpu"
    a, b = (torch.tensor(matrix, device=place) for matrix in _matrices(device))
    return _product(lambda: a @ b, lambda result: result[0, 0].item())


def copy(runtime: Runtime, workload: Workload) -> Running:
    """Copies an array with as many threads as there are cores, or on the GPU."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        values = tf.Variable(tf.zeros([_ARRAY_BYTES["gpu"] // 4]))
        return _product(lambda: values.assign(-values), lambda result: np.asarray(values[0]))
    cores = os.cpu_count() or 1
    source, target = (np.ones(_ARRAY_BYTES["cpu"] // 4, np.float32) for _ in "st")
    pieces = list(zip(np.array_split(target, cores), np.array_split(source, cores), strict=True))
    pool = ThreadPoolExecutor(cores)
    return _product(
        lambda: list(pool.map(lambda piece: np.copyto(*piece), pieces)), lambda result: None
    )
