"""One training run as a style file's `train` sees it: batches to train on, losses to hand back."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

import numpy as np

from shared.checkpoints import last_saved
from shared.data.batch_order import chunks, crosses
from shared.program.progress import Stopped
from shared.program.tracing import require_finite

CALL_BYTES = 2**25  # of batches stacked for one call: enough to hide what a call costs
CALL_STEPS = 1000  # at most: Ctrl-C is answered between two calls


class TrainingRun:
    """Hands out batches up to `config.steps`; reports, writes summaries and saves on the way."""

    def __init__(self, program: Any, config: Any, model: Any, data: Any, progress: Any) -> None:
        """Takes a program, its settings, a model at any step, the data, and a Progress."""
        self.program, self.config, self.model, self.data = program, config, model, data
        self.progress = progress
        self.stop: Any = None  # a StopRequest while signals are caught
        self.writer: Any = None
        self._losses: list[np.ndarray] = []  # since the last progress report

    def batches(self) -> Iterator[Any]:
        """Yields stacked batches [steps, batch, ...] until the last step.

        How many steps come at once is limited by their bytes, whatever `--report-every` says.
        """
        config, task = self.config, self.program.task
        first = self.model.step()
        one_step = task.batches(self.data, config, range(first, first + 1))
        at_once = max(1, CALL_BYTES // sum(array.nbytes for array in one_step))
        for part in chunks(first, config.steps, config.report_every):
            for steps in chunks(part.start, part.stop, min(at_once, CALL_STEPS)):
                stacked = task.batches(self.data, config, steps)
                yield stacked
                self._finish(steps, [array[-1] for array in stacked], steps.stop == part.stop)

    def report(self, losses: Any) -> None:
        """Takes the losses [steps] of the batches that were yielded last."""
        self._losses.append(np.asarray(losses))

    def _finish(self, steps: range, last_batch: Any, reports: bool) -> None:
        config, model, progress = self.config, self.model, self.progress
        stops = self.stop is not None and self.stop.received
        require_finite(
            steps, self._losses[-1], _state(model), lambda: last_saved(config.checkpoint_dir)
        )
        if reports or stops:
            done = range(steps.stop - sum(map(len, self._losses)), steps.stop)
            losses, self._losses = np.concatenate(self._losses), []
            progress.report(done, losses, **self.program.task.watched(model))
            if self.writer:
                self.writer.write(*last_batch)
        if stops:
            raise Stopped(model.step(), self.program.save(model, config.checkpoint_dir))
        if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
            self.program.save(model, config.checkpoint_dir)


def _state(model: Any) -> Mapping[str, np.ndarray]:
    return {**model.variables(), **model.slots()}
