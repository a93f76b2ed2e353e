"""Starts the other processes (see child.py), and lets their runtimes be timed like those here."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clock import Running, seconds_of, seconds_of_each
from benchmarks.models_and_batches import Workload, write_workload
from benchmarks.runtimes import LOOP_IN_A_KERNEL, ONE_INTRA_OP_THREAD, THIS_PROCESS, Runtime
from benchmarks.tasks import open_task
from shared.tools.answering_process import AnsweringProcess
from shared.tools.child_process import TF115_PYTHON, tf115_environment
from shared.tools.parity.other_processes import why_no_tf115

# The variables that decide where a process computes. On a GPU, none may take all of its memory.
ENVIRONMENT = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
    "gpu": {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
}
# Switches TF32 off in the libraries of NVIDIA; the peers ask it what they are to use.
TF32_SWITCH = "NVIDIA_TF32_OVERRIDE"
# XLA compiles a loop whose arrays take less than this many bytes into one function of machine code,
# where it otherwise calls one function for each fused group of operations. The default is 1 KiB.
_LOOP_IN_A_KERNEL = {
    "XLA_FLAGS": f"--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold={2**30}"
}
# By process, what is set in its environment besides.
PROCESS_SETTINGS = {
    ONE_INTRA_OP_THREAD: {"TF_NUM_INTRAOP_THREADS": "1"},
    **dict.fromkeys(LOOP_IN_A_KERNEL.values(), _LOOP_IN_A_KERNEL),
}
# By process, the package that it needs beyond the suite itself.
_PACKAGES = {"numpy": "numpy", "jax": "jax", LOOP_IN_A_KERNEL["jax"]: "jax", "torch": "torch"}


def why_not(runtime: Runtime, device: str = "cpu") -> str | None:
    """Returns why a runtime cannot be run on a device, cpu or gpu; None if it can."""
    if device == "gpu" and runtime.process in ("tf115", "numpy", *PROCESS_SETTINGS):
        return "runs on the CPU only"
    if runtime.process == "tf115":
        return why_no_tf115()
    package = _PACKAGES.get(runtime.process)
    if package and importlib.util.find_spec(package) is None:
        return "not installed: python -m pip install -e '.[peers]'"
    return None


class Timed(NamedTuple):
    """Something opened, here or elsewhere, that can be timed."""

    steps_per_repetition: int  # of another task than training: calls
    seconds: Callable[[int], float]  # of so many repetitions
    seconds_each: Callable[[int], list[float]]
    variables: Callable[[], Mapping[str, np.ndarray]]
    close: Callable[[], Any]  # lets go of the model


class Processes:
    """Opens runtimes where they belong; starts a process when its first runtime is opened."""

    def __init__(self, device: str = "cpu") -> None:
        """Takes the device, cpu or gpu, that all runtimes are to use."""
        self._device = device
        self._processes: dict[str, _Process] = {}
        self._stack = contextlib.ExitStack()
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="benchmark-"))
        self._file = Path(folder) / "workload.npz"
        self._written: Workload | None = None

    def __enter__(self) -> Processes:
        """Starts nothing yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends every process that was started."""
        self._stack.close()

    def open(self, runtime: Runtime, task: str, workload: Workload) -> Timed:
        """Opens a task of a runtime, with a workload, in the process of the runtime.

        Raises:
            SuiteError: another process failed; the message holds what it says, in one line.
        """
        if runtime.process == THIS_PROCESS:
            return timed_here(open_task(task, runtime, workload))
        if runtime.process not in self._processes:
            started = self._stack.enter_context(_Process(runtime.process, self._device))
            self._processes[runtime.process] = started
        process = self._processes[runtime.process]
        return process.open(runtime, task, workload, self._file_of(workload))

    def _file_of(self, workload: Workload) -> Path:
        """Returns the file of the workload; writes it when it is first asked for."""
        if self._written is not workload:
            write_workload(workload, self._file)
            self._written = workload
        return self._file


def timed_here(running: Running) -> Timed:
    """Returns what times `running` in this process."""
    return Timed(
        running.steps_per_repetition,
        lambda count: seconds_of(running, count),
        lambda count: seconds_of_each(running, count),
        running.variables,
        lambda: None,
    )


class _Process(AnsweringProcess):
    """One of the other processes."""

    def __init__(self, name: str, device: str) -> None:
        self._count = 0
        python = str(TF115_PYTHON) if name == "tf115" else sys.executable
        environment = tf115_environment() if name == "tf115" else dict(os.environ)
        environment |= ENVIRONMENT[device] | PROCESS_SETTINGS.get(name, {})
        super().__init__(name, python, "benchmarks.child", environment)

    def open(self, runtime: Runtime, task: str, workload: Workload, path: Path) -> Timed:
        self._count += 1
        key = str(self._count)
        given = {"model": workload.model, "settings": dict(workload.settings), "path": str(path)}
        opened = self._ask("open", key=key, runtime=runtime.name, task=task, **given)
        return Timed(
            opened["steps_per_repetition"],
            lambda count: self._ask("time", key=key, count=count)["seconds"],
            lambda count: self._ask("time_each", key=key, count=count)["seconds"],
            lambda: self._variables(key),
            lambda: self._ask("close", key=key),
        )

    def _ask(self, job: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ask("a measurement", job, **arguments)
        return answer

    def _variables(self, key: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "variables.npz"
            self._ask("variables", key=key, path=str(path))
            with np.load(path) as values:
                return dict(values)
