"""Training with or without a trace: what `--trace FILE` of a style script does."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, Callable, Iterator, Mapping

import numpy as np

from shared.checkpoints import last_saved
from shared.errors import TraceError, TrainingError, UsageError
from shared.program.log_dir import summaries
from shared.trace_recorder import TraceFileError, TraceRecorder

TRACE_HELP = "write losses, gradients, slots and variables of every step to this .npz (slower)"
EVERY_HELP = "keep whole tensors at every K-th step of the trace (0: first and last only)"
STEPS_HELP = "keep whole tensors at these steps of the trace too, such as 3,10,200"


class Training:
    """Trains with the model's own `train_steps`; stops at a number that is not finite."""

    def __init__(self, model: Any, directory: str = "") -> None:
        """Takes a model of either style, and the folder of its checkpoints to name the last."""
        self._model, self._directory = model, directory

    def train_steps(self, steps: range, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Trains on stacked batches [steps, batch, ...]; returns float32 losses [steps].

        Raises:
            TrainingError: a loss is NaN or infinite or, after the last step, a variable or a slot
                is. Nothing is saved then, so the last checkpoint is a good one.
        """
        losses = self._train(steps, inputs, targets)
        arrays = {**self._model.variables(), **self._model.slots()}
        require_finite(steps, losses, arrays, lambda: last_saved(self._directory))
        return losses

    def _train(self, steps: range, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        return np.asarray(self._model.train_steps(inputs, targets))


class TracedTraining(Training):
    """Trains step by step and records each; computes the same numbers as without."""

    def __init__(self, model: Any, recorder: TraceRecorder, directory: str = "") -> None:
        """Takes a model of either style and an open recorder."""
        super().__init__(model, directory)
        self._recorder = recorder
        recorder.record_initial(model.variables(), model.slots(), step=model.step())

    def _train(self, steps: range, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        # The steps of a trace count from 1.
        losses = [self._step(*batch) for batch in zip(steps, inputs, targets)]
        return np.array(losses, np.float32)

    def _step(self, step: int, inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        model = self._model
        logits = np.asarray(model.predict(inputs))  # as predicted: without dropout
        gradients = {
            name: np.asarray(value) for name, value in model.gradients(inputs, targets).items()
        }
        loss = np.asarray(model.train_step(inputs, targets))
        self._recorder.record(
            step + 1,
            loss,
            batch=[inputs, targets],
            logits=logits,
            gradients=gradients,
            slots=model.slots(),
            variables=model.variables(),
        )
        return loss


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


@contextlib.contextmanager
def open_training(config: Any, model: Any, style: str) -> Iterator[Training]:
    """Yields what trains `model`; it writes a trace if `config.trace` names a file.

    Within, the model can write summaries if `config.log_dir` names a folder.

    Raises:
        UsageError: `config.trace_steps` is no list of steps.
        TraceError: the trace cannot be written.
    """
    if not config.trace:
        with summaries(config.log_dir, model):
            yield Training(model, config.checkpoint_dir)
        return
    try:
        with summaries(config.log_dir, model), TraceRecorder(
            config.trace,
            model=type(model).__name__,
            style=style,
            runtime="Session" if style == "tf1_style" else "tf.function",
            every=config.trace_every or None,
            steps=_steps(config.trace_steps),
            flags=dataclasses.asdict(config),
        ) as recorder:
            yield TracedTraining(model, recorder, config.checkpoint_dir)
    except TraceFileError as error:
        raise TraceError(str(error)) from error


def _steps(text: str) -> list[int]:
    try:
        return [int(step) for step in text.split(",") if step.strip()]
    except ValueError:
        raise UsageError(
            f"--trace-steps: expected steps such as 3,10,200, found {text!r}"
        ) from None
