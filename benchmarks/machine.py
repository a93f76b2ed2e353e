"""On what a run was measured: processor, memory, versions, threads."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from shared.tools.child_process import TF115_PYTHON
from shared.tools.parity.other_processes import name_of_gpu, why_no_tf115

_PACKAGES = ("tensorflow", "keras", "numpy", "jax", "torch", "pytest-benchmark")


def versions() -> dict[str, str]:
    """Returns the versions of Python and of each package that is installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    if why_no_tf115() is None:
        found["tensorflow 1"] = _version_of_tensorflow_1()
    return found


def _version_of_tensorflow_1() -> str:
    code = "import pkg_resources; print(pkg_resources.get_distribution('tensorflow').version)"
    process = subprocess.run(
        [TF115_PYTHON, "-W", "ignore", "-c", code], capture_output=True, text=True
    )
    return process.stdout.strip()


def conditions(device: str) -> dict[str, Any]:
    """Returns what else decides the times: threads, determinism and, on a GPU, TF32."""
    import tensorflow as tf

    cores = usable_cores()
    found = {
        # 0 lets TensorFlow decide: one thread for each core that this process may use.
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads() or cores,
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads() or cores,
        "op_determinism": _is_deterministic(),
    }
    if device == "gpu":
        found["tf32"] = tf.config.experimental.tensor_float_32_execution_enabled()
        found["error_of_a_product"] = error_of_a_product(tf.matmul)
        compiled = tf.function(tf.matmul, jit_compile=True)
        found["error_of_a_product_by_xla"] = error_of_a_product(compiled)
    return found


def error_of_a_product(multiply: Callable[[np.ndarray, np.ndarray], Any]) -> float:
    """Returns how far a product of two 512 x 512 matrices is off, ||found - exact|| / ||exact||.

    Factors of float32 are off by about 1e-7, factors that were rounded to TF32's 10 bits after
    the point by about 3e-4.
    """
    random = np.random.RandomState(0)
    a, b = (random.standard_normal([512, 512]).astype(np.float32) for _ in "ab")
    exact = a.astype(np.float64) @ b.astype(np.float64)
    found = np.asarray(multiply(a, b), np.float64)
    return float(f"{np.linalg.norm(found - exact) / np.linalg.norm(exact):.1e}")


def _is_deterministic() -> bool:
    from tensorflow.python.framework import config

    return bool(config.is_op_determinism_enabled())


def usable_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def description(device: str) -> dict[str, Any]:
    """Returns the kind of machine; nothing that tells one machine of this kind from another."""
    found = {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": usable_cores(),
        "cache_bytes": cache_bytes(),
        "memory_gib": _memory_gib(),
        "system": platform.system(),
    }
    if device == "gpu":
        found["gpu"] = name_of_gpu()
    return found


def processor() -> str:
    """Returns the processor's name as the system knows it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def cache_bytes() -> int:
    """Returns the size of the first core's largest cache; 0 where the system does not say."""
    sizes = [0]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        number, unit = path.read_text().strip()[:-1], path.read_text().strip()[-1]
        sizes.append(int(number) * {"K": 2**10, "M": 2**20, "G": 2**30}[unit])
    return max(sizes)


def _memory_gib() -> int | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)
    except (ValueError, OSError):
        return None
