"""What `--trace FILE` of a program does, and the check that training stays finite."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, Callable, Iterator, Mapping

import numpy as np

from shared.errors import TraceError, TrainingError, UsageError
from shared.program.batches import Batch, call, each_step, inputs_of, stack, total
from shared.program.progress import Stopped
from shared.trace_recorder import TraceFileError, TraceRecorder


class TracedModel:
    """A model that records every step; it trains step by step, to the same numbers as without.

    All else is asked of the model itself.
    """

    def __init__(self, model: Any, recorder: TraceRecorder) -> None:
        """Takes a model of either style and an open recorder."""
        self._model, self._recorder = model, recorder
        recorder.record_initial(model.variables(), model.slots(), step=model.step())

    def __getattr__(self, name: str) -> Any:
        """Returns what the model has under this name."""
        return getattr(self._model, name)

    def train_steps(self, *batches: np.ndarray, **named: np.ndarray) -> Any:
        """Trains on stacked batches [steps, batch, ...]; returns the losses [steps], or several."""
        stacked: Batch = named or batches
        return stack([self._step(batch) for batch in each_step(stacked)])

    def train_step(self, *batch: Any, **named: Any) -> Any:
        """Trains on one batch, of arrays or tensors; returns its loss, or several."""
        given = {name: np.asarray(array) for name, array in named.items()}
        return self._step(given or tuple(map(np.asarray, batch)))

    def _step(self, batch: Batch) -> Any:
        model = self._model
        logits = np.asarray(model.predict(*inputs_of(model, batch)))  # without dropout
        gradients = {name: np.asarray(g) for name, g in call(model.gradients, batch).items()}
        loss = call(model.train_step, batch)
        self._recorder.record(
            model.step(),
            total(loss),
            batch=batch,
            logits=logits,
            gradients=gradients,
            slots=model.slots(),
            variables=model.variables(),
        )
        return loss


@contextlib.contextmanager
def traced(config: Any, model: Any, style: str) -> Iterator[Any]:
    """Yields the model to train: one that writes a trace if `config.trace` names a file.

    The trace is kept when a signal stops the run; it then ends at that step.

    Raises:
        UsageError: `config.trace_steps` is no list of steps.
        TraceError: the trace cannot be written.
    """
    if not config.trace:
        yield model
        return
    stopped = None
    try:
        with trace_recorder(config, model, style) as recorder:
            try:
                yield TracedModel(model, recorder)
            except Stopped as error:
                stopped = error  # raised again when the trace is whole
                stopped.trace = config.trace
    except TraceFileError as error:
        raise TraceError(str(error)) from error
    if stopped:
        raise stopped


def trace_recorder(config: Any, model: Any, style: str) -> TraceRecorder:
    """Returns what writes the trace that `config` asks for; raises UsageError for its steps."""
    return TraceRecorder(
        config.trace,
        model=type(model).__name__,
        style=style,
        runtime="Session" if style == "tf1_style" else "tf.function",
        every=config.trace_every or None,
        steps=_steps(config.trace_steps),
        flags=dataclasses.asdict(config),
    )


def require_finite(
    steps: range,
    losses: np.ndarray,
    arrays: Mapping[str, Any],
    last_checkpoint: Callable[[], str | None],
) -> None:
    """Raises TrainingError unless all losses, and the arrays after them, are finite."""
    problem = not_finite(steps, losses, arrays)
    if problem:
        last = last_checkpoint()
        kept = f"the last good checkpoint is kept: {last}" if last else "nothing had been saved"
        raise TrainingError(f"{problem}; {kept}")


def not_finite(steps: range, losses: np.ndarray, arrays: Mapping[str, Any]) -> str | None:
    """Returns what is not finite in the losses of `steps` or in the arrays after them, or None.

    A loss is computed before its step's update. So when the last update of `steps` ruins the
    variables, all losses are finite still, and a checkpoint saved then would be worthless.
    """
    found = np.flatnonzero(~np.isfinite(losses))
    if len(found):
        return f"step {steps[found[0]] + 1}: expected a finite loss, found {losses[found[0]]}"
    for name, array in arrays.items():
        wrong = np.asarray(array)[~np.isfinite(array)]
        if len(wrong):
            return f"step {steps.stop}: expected finite numbers in {name}, found {wrong[0]}"
    return None


def _steps(text: str) -> list[int]:
    try:
        return [int(step) for step in text.split(",") if step.strip()]
    except ValueError:
        raise UsageError(
            f"--trace-steps: expected steps such as 3,10,200, found {text!r}"
        ) from None
