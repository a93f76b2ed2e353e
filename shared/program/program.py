"""What `python -m STYLE.MODEL` does: train, evaluate and predict, in either style."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

from shared.checkpoints import claim_folder
from shared.program import command_line
from shared.program.log_dir import LosableWriter, quiet_event_thread, summary_errors
from shared.program.progress import PrintedProgress, TrainingResult, print_warning, stop_signals
from shared.program.saved_settings import changed_settings
from shared.program.tasks import Task
from shared.program.tracing import traced
from shared.program.training_run import TrainingRun


class Program(NamedTuple):
    """A style file as a program.

    Attributes:
        description: the file's docstring.
        Config: its settings, a dataclass.
        model_class: makes a model at step 0 from a config.
        train_with: the file's `train`, which takes a model and a TrainingRun.
        task: what the model is trained on.
        checkpoints: the style's module of that name: `save` and `restore_newest`.
        summaries: the style's module of that name: a `SummaryWriter`.
        loss_of_batch: what the loss of a step is of its batch's losses: "mean" or "sum".
    """

    description: str | None
    Config: Any
    model_class: Any
    train_with: Callable[[Any, TrainingRun], None]
    task: Task
    checkpoints: Any
    summaries: Any
    loss_of_batch: str = "mean"

    @property
    def style(self) -> str:
        """The folder of the file: tf1_style or tf2_style."""
        name: str = self.checkpoints.__name__
        return name.partition(".")[0]

    def train(self, config: Any, progress: Any = None) -> TrainingResult:
        """Trains until `config.steps`, from the newest checkpoint on.

        Raises:
            SuiteError: something given cannot be used, or a number is not finite.
            Stopped: a signal stopped the run; everything is saved.
        """
        data = self.task.load(config)
        progress = progress or PrintedProgress()
        model = self.model_class(config)
        folder = claim_folder(config.checkpoint_dir)  # refused while another process trains there
        path = self.restore(model, config.checkpoint_dir, progress.warn)
        progress.begin(model.step(), config.steps, path)
        run = TrainingRun(self, config, model, data, progress)
        with contextlib.ExitStack() as stack:
            stack.enter_context(folder)
            run.stop = stack.enter_context(stop_signals())
            self._say(config, model, data, progress, is_resumed=path is not None)
            run.writer = stack.enter_context(self._writer(config, model, progress.warn))
            self.train_with(stack.enter_context(traced(config, model, self.style)), run)
        return progress.finish(model.variables(), self.task.metrics(model, data))

    def _say(self, config: Any, model: Any, data: Any, progress: Any, is_resumed: bool) -> None:
        will_train = model.step() < config.steps
        changed = changed_settings(config) if is_resumed and will_train else None
        for warning in filter(None, (changed, self.task.warning(model, data))):
            progress.warn(warning)
        if will_train:
            loss = f"loss: {self.loss_of_batch} over a batch; at the end: {self.task.measured}"
            progress.note(loss)

    @contextlib.contextmanager
    def _writer(self, config: Any, model: Any, warn: Callable[[str], None]) -> Iterator[Any]:
        if not config.log_dir:
            yield None
            return
        writer = LosableWriter(
            lambda: self.summaries.SummaryWriter(model, config.log_dir), config.log_dir, warn
        )
        try:
            with summary_errors(model), quiet_event_thread():
                yield writer
        finally:
            writer.close()

    def save(self, model: Any, folder: str) -> str:
        """Writes a checkpoint of `model`, which counts when it is on disk; returns its path."""
        path: str = self.checkpoints.save(model, folder)
        return path

    def restore(
        self, model: Any, folder: str, warn: Callable[[str], None] = print_warning
    ) -> str | None:
        """Loads the newest intact checkpoint of `folder`; returns its path, None without any."""
        path: str | None = self.checkpoints.restore_newest(model, folder, warn)
        return path

    def restored(self, config: Any) -> Any:
        """Returns the model of the newest checkpoint in `config.checkpoint_dir`."""
        model = self.model_class(config)
        path = self.restore(model, config.checkpoint_dir)
        command_line.require_checkpoint(path, config.checkpoint_dir)
        return model

    def evaluate(self, config: Any) -> Mapping[str, float]:
        """Returns the metrics of a saved model on the test data."""
        data = self.task.load(config)
        return self.task.metrics(self.restored(config), data)

    def predict(self, config: Any) -> Mapping[str, Sequence]:
        """Returns what a saved model predicts, beside the truth."""
        data = self.task.load(config)
        model = self.restored(config)  # named: a tf.function method does not keep it alive
        return self.task.table(model, data)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Runs the command line; returns the exit code."""
        return command_line.run(
            self.description, self.Config, self.train, self.evaluate, self.predict, arguments
        )
