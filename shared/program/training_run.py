"""One training run as a style file's `train` sees it: batches to train on, losses to hand back."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterator, Mapping

import numpy as np

from shared.checkpoints import last_saved
from shared.data.batch_order import chunks, crosses
from shared.program.batches import Batch, arrays_of, total
from shared.program.progress import Stopped
from shared.program.saved_settings import keep_settings
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
        self._named: dict[str, float] = {}  # the last losses of a model that has several
        self._has_saved = False

    def batches(
        self,
        keep: Callable[[np.ndarray], Any] | None = None,
        take: Callable[[Any, np.ndarray], Any] = operator.getitem,
    ) -> Iterator[Batch]:
        """Yields stacked batches [steps, batch, ...] until the last step.

        Args:
            keep: is given each array of all training examples once, and returns it as `take` wants
                it; for a task whose batches are rows of them. None: NumPy arrays are yielded.
            take: returns the rows [steps, batch] of what `keep` returned.
        """
        if keep is None:
            yield from map(self._batches, self.parts())
        else:
            for rows, *kept in self.rows(keep):
                yield tuple(take(array, rows) for array in kept)

    def rows(self, keep: Callable[[np.ndarray], Any]) -> Iterator[tuple[Any, ...]]:
        """Yields the numbers of training examples, int64 [steps, batch], until the last step.

        With them come all training examples, which `keep` is given once, array by array: each
        batch is some of their rows.
        """
        task = self.program.task
        kept = [keep(array) for array in task.training(self.data)]
        for steps in self.parts():
            yield (task.rows(self.data, self.config, steps), *kept)

    def parts(self) -> Iterator[range]:
        """Yields the steps of each call until the last step, for a model that feeds itself.

        How many come at once is limited by the bytes of their batches, whatever `--report-every`
        says.
        """
        config, first = self.config, self.model.step()
        size = sum(array.nbytes for array in arrays_of(self._batches(range(first, first + 1))))
        at_once = max(1, min(CALL_BYTES // max(1, size), CALL_STEPS))
        for part in chunks(first, config.steps, config.report_every):
            for unsaved in chunks(part.start, part.stop, config.checkpoint_every):
                for steps in chunks(unsaved.start, unsaved.stop, at_once):
                    yield steps
                    self._finish(steps, steps.stop == part.stop)

    def report(self, losses: Any) -> None:
        """Takes the losses [steps] of the batches that were yielded last, or several by name."""
        self._losses.append(total(losses))
        if isinstance(losses, Mapping):
            self._named = {name: float(np.asarray(loss)[-1]) for name, loss in losses.items()}

    def _batches(self, steps: range) -> Batch:
        batches: Batch = self.program.task.batches(self.data, self.config, steps)
        return batches

    def _finish(self, steps: range, reports: bool) -> None:
        config, model, progress = self.config, self.model, self.progress
        stops = self.stop is not None and self.stop.received
        require_finite(
            steps, self._losses[-1], _state(model), lambda: last_saved(config.checkpoint_dir)
        )
        if reports or stops:
            done = range(steps.stop - sum(map(len, self._losses)), steps.stop)
            losses, self._losses = np.concatenate(self._losses), []
            progress.report(done, losses, **self._named, **self.program.task.watched(model))
            if self.writer:
                last = self._batches(range(steps.stop - 1, steps.stop))
                self.writer.write(*(array[0] for array in arrays_of(last)))
        if stops:
            raise Stopped(model.step(), self._save())
        if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
            self._save()

    def _save(self) -> str:
        path: str = self.program.save(self.model, self.config.checkpoint_dir)
        if not self._has_saved:  # not before: the settings are those of the newest checkpoint
            keep_settings(self.config)
        self._has_saved = True
        return path


def _state(model: Any) -> Mapping[str, np.ndarray]:
    return {**model.variables(), **model.slots()}
