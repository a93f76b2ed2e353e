"""Processes beside this one: of real TensorFlow 1.15, of a GPU, and for several models at once."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shared.errors import SuiteError
from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment


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


class Child:
    """A process of `shared.tools.parity.child`, which ends with the context."""

    def __init__(self, python: str, environment: Mapping[str, str]) -> None:
        """Starts the process, which loads TensorFlow while this one goes on."""
        self._python = python
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 -- by `end`
        self._process = subprocess.Popen(
            [python, "-m", "shared.tools.parity.child"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def record(self, runtime: str, model: str, steps: int, path: Path) -> None:
        """Records a run of a model.

        Raises:
            SuiteError: the process failed; the message holds its last line.
        """
        job = {"do": "record", "runtime": runtime, "model": model}
        self._do(f"a trace of {model}", {**job, "steps": steps, "path": str(path)})

    def measure(
        self, model: str, runtimes: Sequence[str], steps: int | None, folder: Path
    ) -> list[dict[str, Any]]:
        """Returns the fields of each row of a model that `measuring.measure_here` yields.

        Raises:
            SuiteError: the process failed; the message holds its last line.
        """
        job = {"do": "measure", "model": model, "runtimes": list(runtimes)}
        rows: list[dict[str, Any]]
        rows = self._do(f"rows of {model}", {**job, "steps": steps, "folder": str(folder)})
        return rows

    def _do(self, expected: str, job: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended; its last line says why
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.endswith("\n"):  # ended, maybe in the middle of a line
            found = self._last_line()
            raise SuiteError(f"{self._python}: expected {expected}, found: {found}")
        return json.loads(answer)

    def _last_line(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        line = (self._errors.read().strip() or "no message").splitlines()[-1]
        return f"an end by signal {-code}, after: {line}" if code < 0 else line

    def __enter__(self) -> Child:
        """Returns the child itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()


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
