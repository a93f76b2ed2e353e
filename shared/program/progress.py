"""What a training run reports while it runs, and what is known of it when it ends."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import Any, Iterator, Mapping, NamedTuple

import numpy as np


class TrainingResult(NamedTuple):
    """One finished training run."""

    steps: int  # the step reached, counted from the very first run
    losses: np.ndarray  # float32 [steps of this run], the loss of each step before its update
    reported: Mapping[str, list]  # numbers reported on the way, by name; "step" says when
    variables: Mapping[str, np.ndarray]  # the final value of every variable
    metrics: Mapping[str, float]  # as `evaluate` returns them
    seconds: float  # of the training loop: no start-up or evaluation; with the tracing of functions


class Progress:
    """Collects what a run reports and shows nothing; sub-classes show it."""

    def __init__(self) -> None:
        self._losses: list[np.ndarray] = []
        self._reported: dict[str, list] = {"step": []}
        self._step = 0
        self._started = self._now = time.perf_counter()

    def begin(self, first_step: int, last_step: int, checkpoint: str | None) -> None:
        """Starts the clock.

        Args:
            first_step: steps already done; above 0 when restored.
            last_step: the step to reach.
            checkpoint: path of the checkpoint that was restored, or None.
        """
        self._first_step, self._last_step = first_step, last_step
        self._step = first_step
        self.show_start(checkpoint)
        self._started = self._now = time.perf_counter()

    def report(self, steps: range, losses: Any, **values: float) -> None:
        """Takes the losses of `steps`, float32 [len(steps)], and numbers worth watching."""
        self._now = time.perf_counter()
        self._step = steps.stop
        self._losses.append(np.asarray(losses))
        self._reported["step"].append(steps.stop)
        for name, value in values.items():
            self._reported.setdefault(name, []).append(float(value))
        self.show_report(float(self._losses[-1][-1]), values)

    def warn(self, text: str) -> None:
        """Shows a warning about the run."""

    def note(self, text: str) -> None:
        """Shows what a reader of the reports must know."""

    def show_start(self, checkpoint: str | None) -> None:
        """Called when training begins."""

    def show_report(self, loss: float, values: Mapping[str, float]) -> None:
        """Called after every report with the loss of the last step."""

    @property
    def seconds(self) -> float:
        """Seconds from the start to the last report."""
        return self._now - self._started

    @property
    def steps_per_second(self) -> float:
        """Mean rate since the start."""
        return (self._step - self._first_step) / self.seconds if self.seconds else 0.0

    def finish(
        self, variables: Mapping[str, np.ndarray], metrics: Mapping[str, float]
    ) -> TrainingResult:
        """Returns the result of the run."""
        losses = np.concatenate(self._losses) if self._losses else np.empty(0, np.float32)
        return TrainingResult(self._step, losses, self._reported, variables, metrics, self.seconds)


def print_warning(text: str) -> None:
    """Prints a warning where no run shows its own, beside the output and not in it."""
    print("warning: " + text, file=sys.stderr, flush=True)


class PrintedProgress(Progress):
    """Prints a line a report; works in any terminal, file or pipe."""

    def show_start(self, checkpoint: str | None) -> None:
        """Says where the run goes on from, if it does."""
        if checkpoint:
            print(f"resumed at step {self._first_step} from {checkpoint}", flush=True)
        if self._first_step >= self._last_step:
            print(f"step {self._last_step} is reached already: nothing to train")

    def show_report(self, loss: float, values: Mapping[str, float]) -> None:
        """Prints step, loss, the reported values and the rate."""
        width = len(str(self._last_step))
        line = "step {:{w}} of {}  loss {:<12.6g}".format(
            self._step, self._last_step, loss, w=width
        )
        line += "".join(f"  {name} {value:<9.6f}" for name, value in values.items())
        print(f"{line}  {self.steps_per_second:8.0f} steps/s", flush=True)

    def warn(self, text: str) -> None:
        """Prints the warning."""
        print("warning: " + text, flush=True)

    def note(self, text: str) -> None:
        """Prints the note."""
        print(text, flush=True)


class Stopped(Exception):
    """Training was stopped by a signal, after saving."""

    def __init__(self, step: int, path: str) -> None:
        """Takes the step reached and the checkpoint that was saved."""
        super().__init__(step, path)
        self.step, self.path = step, path
        self.trace = ""  # the file that keeps the trace until this step, if there is one


class StopRequest:
    """Whether a signal asked the training loop to stop."""

    def __init__(self) -> None:
        self.received = False

    def _receive(self, signal_number: int, frame: Any) -> None:
        if self.received:  # asked twice: stop at once, without saving
            raise KeyboardInterrupt
        self.received = True


@contextlib.contextmanager
def stop_signals() -> Iterator[StopRequest]:
    """Turns Ctrl-C, SIGTERM and SIGHUP into a request, so that no step is cut in half.

    The training loop asks `received` between two calls and saves; a second Ctrl-C stops at once.
    Under `nohup`, where SIGHUP is ignored, it stays so.
    """
    request = StopRequest()
    before = {
        number: signal.signal(number, request._receive)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
