"""Starts the other processes (see child.py), and lets their runtimes be timed like those here."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clock import Running, seconds_of, seconds_of_each
from benchmarks.models_and_batches import Workload, write_workload
from benchmarks.runtimes import THIS_PROCESS, Runtime
from benchmarks.tasks import open_task
from shared.errors import SuiteError
from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment
from shared.tools.parity.other_processes import why_no_tf115

# The variables that decide where a process computes. On a GPU, none may take all of its memory.
ENVIRONMENT = {
    "cpu": {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"},
    "gpu": {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
}
# Switches TF32 off in the libraries of NVIDIA; the peers ask it what they are to use.
TF32_SWITCH = "NVIDIA_TF32_OVERRIDE"
# By process, the package that it needs beyond the suite itself.
_PACKAGES = {"numpy": "numpy", "jax": "jax", "torch": "torch"}


def why_not(runtime: Runtime, device: str = "cpu") -> str | None:
    """Returns why a runtime cannot be run on a device, cpu or gpu; None if it can."""
    if device == "gpu" and runtime.process in ("tf115", "numpy"):
        return "runs on the CPU only"
    if runtime.process == "tf115":
        return why_no_tf115()
    package = _PACKAGES.get(runtime.process)
    if package and importlib.util.find_spec(package) is None:
        return "not installed: .venv/bin/python -m pip install -e '.[peers]'"
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
        self._folder = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._file = Path(self._folder.name) / "workload.npz"
        self._written: Workload | None = None

    def __enter__(self) -> Processes:
        """Starts nothing yet."""
        return self

    def __exit__(self, *error: object) -> None:
        """Ends every process that was started."""
        for process in self._processes.values():
            process.stop()
        self._folder.cleanup()

    def open(self, runtime: Runtime, task: str, workload: Workload) -> Timed:
        """Opens a task of a runtime, with a workload, in the process of the runtime.

        Raises:
            SuiteError: another process failed; the message holds its last line.
        """
        if runtime.process == THIS_PROCESS:
            return timed_here(open_task(task, runtime, workload))
        if runtime.process not in self._processes:
            self._processes[runtime.process] = _Process(runtime.process, self._device)
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


class _Process:
    """One of the other processes."""

    def __init__(self, name: str, device: str) -> None:
        self._name = name
        self._count = 0
        python = str(TF115_PYTHON) if name == "tf115" else sys.executable
        environment = tf115_environment() if name == "tf115" else dict(os.environ)
        environment |= ENVIRONMENT[device]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `stop`
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.child"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

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

    def stop(self) -> None:
        self._process.communicate()  # ends its standard input, upon which it ends
        self._errors.close()

    def _ask(self, what: str, **fields: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise SuiteError(f"{self._name}: expected a measurement, found: {self._last_line()}")
        parsed: dict[str, Any] = json.loads(answer)
        if "error" in parsed:
            raise SuiteError(f"{self._name}: expected a measurement, found: {parsed['error']}")
        return parsed

    def _last_line(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"

    def _variables(self, key: str) -> Mapping[str, np.ndarray]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "variables.npz"
            self._ask("variables", key=key, path=str(path))
            with np.load(path) as values:
                return dict(values)
