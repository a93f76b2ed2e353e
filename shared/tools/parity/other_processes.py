"""The runtimes that need a process of their own: real TensorFlow 1.15, and a GPU."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shared.tools.child_process import TF115_PYTHON, run_module, tf115_environment


def why_no_tf115(python: Path = TF115_PYTHON) -> str | None:
    """Why real TensorFlow 1.15 cannot run, or None."""
    return None if os.access(python, os.X_OK) else "not installed: make tf115"


def why_no_gpu() -> str | None:
    """Why no GPU can run, or None."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return None if found else "TensorFlow sees no GPU"


def name_of_gpu() -> str:
    """What the driver calls the first GPU that TensorFlow sees, such as NVIDIA H200."""
    import tensorflow as tf

    (first, *_) = tf.config.list_physical_devices("GPU")
    return str(tf.config.experimental.get_device_details(first).get("device_name", "unknown"))


def keep_this_process_on_cpu() -> None:
    """Hides GPUs from this process, so that all that is recorded in it ran on the CPU.

    Raises:
        RuntimeError: there is a GPU, and TensorFlow has already begun to use it here.
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices([], "GPU")


def record_under_tf115(model: str, steps: int, path: str, python: Path = TF115_PYTHON) -> None:
    """Records the TensorFlow 1 style under real TensorFlow 1.15.

    Raises:
        SuiteError: the process failed; the message holds its last line.
    """
    environment = tf115_environment()
    environment["CUDA_VISIBLE_DEVICES"] = "-1"  # the CPU, like the reference
    _record(str(python), ["session", model, str(steps), path], environment)


def record_on_gpu(model: str, steps: int, path: str) -> None:
    """Records one tf.function a step on the first GPU, TF32 off.

    Raises:
        SuiteError: the process failed; the message holds its last line.
    """
    # The variable reaches libraries of NVIDIA that do not ask TensorFlow about TF32.
    environment = {**os.environ, "NVIDIA_TF32_OVERRIDE": "0"}
    _record(sys.executable, ["gpu", model, str(steps), path], environment)


def _record(python: str, arguments: list[str], environment: dict[str, str]) -> None:
    expected = f"a trace of {arguments[1]}"
    run_module(python, "shared.tools.parity.child", arguments, environment, expected)


# Keyed by the name of `--runtime`.
RECORD_ELSEWHERE = {"tf115": record_under_tf115, "gpu": record_on_gpu}
WHY_NOT_ELSEWHERE = {"tf115": why_no_tf115, "gpu": why_no_gpu}
