"""Processes beside this one: of real TensorFlow 1.15, of a GPU, and for several models at once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shared.tools.answering_process import AnsweringProcess
from shared.tools.child_process import TF115_PYTHON, tf115_environment


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


class Child(AnsweringProcess):
    """A process of `shared.tools.parity.child`, which ends with the context."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        """Starts the process, which loads TensorFlow while this one goes on."""
        super().__init__(python, python, "shared.tools.parity.child", environment)

    def record(self, runtime: str, model: str, steps: int, path: Path) -> None:
        """Records a run of a model.

        Raises:
            SuiteError: the process failed; the message holds what it says, in one line.
        """
        run = {"runtime": runtime, "model": model, "steps": steps, "path": str(path)}
        self.ask(f"a trace of {model}", "record", **run)

    def measure(
        self, model: str, runtimes: Sequence[str], steps: int | None, folder: Path
    ) -> list[dict[str, Any]]:
        """Returns the fields of each row of a model that `measuring.measure_here` yields.

        Raises:
            SuiteError: the process failed; the message holds what it says, in one line.
        """
        job = {"model": model, "runtimes": list(runtimes), "steps": steps, "folder": str(folder)}
        rows: list[dict[str, Any]] = self.ask(f"rows of {model}", "measure", **job)
        return rows


def start_here() -> Child:
    """Starts a process of the installed TensorFlow that sees no GPU."""
    return Child(sys.executable, {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})


def start_tf115(python: Path = TF115_PYTHON) -> Child:
    """Starts a process of real TensorFlow 1.15, on the CPU, like the reference."""
    return Child(str(python), {**tf115_environment(), "CUDA_VISIBLE_DEVICES": "-1"})


def start_gpu() -> Child:
    """Starts a process for the first GPU, TF32 off."""
    settings = {
        "NVIDIA_TF32_OVERRIDE": "0",  # for libraries that do not ask TensorFlow about TF32
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else it takes all of the GPU's memory
    }
    return Child(sys.executable, {**os.environ, **settings})


class Elsewhere(NamedTuple):
    """A runtime that needs a process of its own."""

    start: Callable[[], contextlib.AbstractContextManager[Child]]
    runtime: str  # as `child.record_run` calls it
    why_not: Callable[[], str | None]


# Keyed by the name of `--runtime`.
ELSEWHERE = {
    "tf115": Elsewhere(start_tf115, "session", why_no_tf115),
    "gpu": Elsewhere(start_gpu, "gpu", why_no_gpu),
}
