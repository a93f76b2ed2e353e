"""Progress of several runs, live in a terminal and as plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bars

from shared.program.progress import Progress, TrainingResult
from shared.tools.run.results_folder import joined


class LiveProgress(Progress):
    """One run's bar among the bars of a `rich.progress.Progress`; plain lines without one."""

    def __init__(self, console: Console, bars: Bars, title: str) -> None:
        """Shows the run on `console` under `title`."""
        super().__init__()
        self._console, self._bars, self._title = console, bars, title
        self._before: TrainingResult | None = None

    def go_on_from(self, before: TrainingResult | None) -> None:
        """Puts what the training had come to when it was stopped before what comes now."""
        self._before = before

    def so_far(self) -> TrainingResult:
        """Returns what the training has come to, less its variables and metrics."""
        return self.finish({}, {})

    def finish(
        self, variables: Mapping[str, np.ndarray], metrics: Mapping[str, float]
    ) -> TrainingResult:
        """Returns the result of the whole training, as if it had not been stopped."""
        result = super().finish(variables, metrics)
        return joined(self._before, result) if self._before else result

    def show_start(self, checkpoint: str | None) -> None:
        """Adds the bar."""
        self._task = self._bars.add_task(
            self._title, total=self._last_step, completed=self._first_step, loss="", rate=""
        )
        self._lines_shown = 0

    def show_report(self, loss: float, values: Mapping[str, float]) -> None:
        """Moves the bar; without a terminal prints a line, four a run."""
        loss_text, rate_text = f"loss {loss:.4g}", f"{self.steps_per_second:,.0f} steps/s"
        self._bars.update(self._task, completed=self._step, loss=loss_text, rate=rate_text)
        quarters = 4 * self._step // self._last_step
        if not self._console.is_terminal and quarters > self._lines_shown:
            self._lines_shown = quarters
            steps = f"{self._step:>5} of {self._last_step:>5}"
            self._console.print(
                f"{self._title:<35} {steps} {loss_text:<14} {rate_text:>14}", soft_wrap=True
            )

    def warn(self, text: str) -> None:
        """Prints the warning above the bars."""
        self._console.print(f"warning: {self._title}: {text}")


def progress_bars(console: Console) -> Bars:
    """Returns the display of the bars, to be entered with `with`; hidden without a terminal."""
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed}/{task.total}", justify="right"),
        TextColumn("{task.fields[loss]}"),
        TextColumn("{task.fields[rate]}", justify="right"),
        console=console,
        disable=not console.is_terminal,
        expand=True,
    )
