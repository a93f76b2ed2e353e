"""What the suites share: options, the processes, and measurements taken once for a whole group.

pytest-benchmark runs its benchmarks one after the other. Here the runtimes of a group are timed
interleaved when the first of them is asked for; each benchmark then hands its own times, taken in
those rounds, to pytest-benchmark through a clock that replays them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported
from benchmarks import machine
from benchmarks.interleave import interleave, interleave_calls
from benchmarks.models_and_batches import make_workload
from benchmarks.plan import MODELS, Case, LengthCase, Plan, plan_of
from benchmarks.processes import TF32_SWITCH, Processes, Timed, why_not
from benchmarks.replay import CLOCK


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds what `pairs bench` hands on."""
    group = parser.getgroup("pairs", "benchmarks of the pairs")
    group.addoption("--quick", action="store_true", help="the part that takes two minutes")
    group.addoption("--model", action="append", help="only this model; may be repeated")
    group.addoption("--device", default="cpu", choices=["cpu", "gpu"], help="what to run on")
    group.addoption("--tf32", default="on", choices=["on", "off"], help="on a GPU; default: on")


class Suite:
    """One run: its plan, its device, its processes, and the group measured last."""

    def __init__(self, plan: Plan, device: str, processes: Processes) -> None:
        """Takes what every benchmark of the run shares."""
        self.plan, self.device, self.processes = plan, device, processes
        self._measured_key: tuple[Any, ...] | None = None  # of the group measured last
        self._times: dict[str, list[float]] = {}
        self._info = {
            "device": device,
            "machine": machine.description(device),
            "versions": machine.versions(),
            "conditions": machine.conditions(device),
        }

    def run(self, case: Case, benchmark: Any) -> None:
        """Measures the group of a case if that is not done, and hands over the case's times."""
        self.skip_unless_possible(case)
        key = (case.model, case.task, case.batch)
        if self._measured_key != key:
            start = time.perf_counter()
            self._measured_key, self._times = key, {}
            self._times = self._measure(case)
            self.say(*key, len(self._times), time.perf_counter() - start)
        assert self._times, "the group of this runtime could not be measured"
        calls = self.plan.latency_calls if case.task == "predict" else None
        self.hand_over(benchmark, self._times[case.runtime.name], case, calls=calls)

    def skip_unless_possible(self, case: Case) -> None:
        """Skips the test of a runtime that cannot be run here."""
        reason = why_not(case.runtime, self.device)
        if reason:
            pytest.skip(f"{case.runtime.label}: {reason}")

    def _measure(self, case: Case) -> dict[str, list[float]]:
        workload = make_workload(case.model, case.batch)
        task = "train" if case.task.startswith("train") else case.task
        opened: dict[str, Timed] = {}
        try:
            for runtime in case.timed_with:
                if why_not(runtime, self.device) is None:
                    opened[runtime.name] = self.processes.open(runtime, task, workload)
            if task == "predict":
                return interleave_calls(opened, self.plan.rounds, self.plan.latency_calls)
            is_by_batch = case.task == "train by batch"
            rounds = self.plan.rounds_per_batch_size if is_by_batch else self.plan.rounds
            return interleave(opened, rounds, self.plan.seconds)
        finally:
            for timed in opened.values():
                timed.close()

    def say(self, model: str, task: str, batch: int, runtimes: int, seconds: float) -> None:
        """Prints a line of progress at once."""
        line = f"{model:<19} {task:<15} batch {batch:<6,} {runtimes:>3} runtimes {seconds:5.0f} s"
        print(line, file=sys.stderr, flush=True)

    def hand_over(
        self, benchmark: Any, seconds: Sequence[float], case: Case | LengthCase, **info: Any
    ) -> None:
        """Gives measured times to pytest-benchmark, with the case and the conditions."""
        size = f", batch {case.batch}" if case.batch else ""
        benchmark.group = f"{case.model}: {case.task}{size}"
        what = {
            "model": case.model,
            "task": case.task,
            "batch": case.batch,
            "runtime": case.runtime.name,
        }
        benchmark.extra_info.update(self._info, **what, **info)
        CLOCK.replay(seconds)
        benchmark.pedantic(lambda: None, rounds=len(seconds))


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """Yields the run; stops its processes at the end."""
    device = request.config.getoption("device")
    if device == "gpu" and request.config.getoption("tf32") == "off":
        multiply_float32_as_float32()
    with Processes(device) as processes:
        yield Suite(_plan(request.config), device, processes)


def multiply_float32_as_float32() -> None:
    """Switches TF32 off, here and in processes that are started from here."""
    import tensorflow as tf

    os.environ[TF32_SWITCH] = "0"
    tf.config.experimental.enable_tensor_float_32_execution(False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a benchmark the cases that its module lists for each model."""
    if "case" in metafunc.fixturenames:
        models = metafunc.config.getoption("model") or MODELS
        plan = _plan(metafunc.config)
        cases = [case for model in models for case in metafunc.module.CASES(plan, model)]
        metafunc.parametrize("case", cases, ids=lambda case: case.id)


def _plan(config: pytest.Config) -> Plan:
    return plan_of(config.getoption("device"), config.getoption("quick"))
