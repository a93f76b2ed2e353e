"""What `python -m STYLE.several_workers` does: one process of a cluster, as TF_CONFIG says."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from typing import Any, Iterator, Sequence

import numpy as np

from shared.checkpoints import claim_folder
from shared.errors import SuiteError, UsageError
from shared.program.batches import Batch, call, each_step, stack, total
from shared.program.cluster import Patience, Role, require_free_port, role_of
from shared.program.display import shown
from shared.program.program import Program
from shared.program.progress import PrintedProgress, Progress, TrainingResult
from shared.program.settings import ImageSettings, setting
from shared.program.tracing import trace_recorder
from shared.program.training_run import TrainingRun


@dataclasses.dataclass(frozen=True)
class ClusterSettings(ImageSettings):
    """The settings of a program that runs as several processes."""

    patience: float = setting(
        60.0, "seconds to wait for the other processes, at the start and at every step"
    )


@dataclasses.dataclass(frozen=True)
class AsynchronousSettings(ClusterSettings):
    """The settings of a program whose processes do not wait for each other at every step."""

    patience: float = setting(
        60.0, "seconds to wait for the other processes, at the start and between two reports"
    )


class ClusterProgram(Program):
    """A style file as one process of several; alone without TF_CONFIG.

    Its model has, beside what other models have, `start()`, which joins the other processes, and
    `restores`, whether this process reads the checkpoint itself.
    """

    @property
    def required(self) -> Sequence[str]:
        """The kinds of process that a cluster must have."""
        return ("worker",)

    def train(self, config: Any, progress: Any = None) -> TrainingResult:
        """Trains until `config.steps`, from the newest checkpoint on; a parameter server serves.

        Raises:
            SuiteError: something given cannot be used, another process failed, or a number is not
                finite.
        """
        role = role_of(required=self.required)
        if config.log_dir:
            raise UsageError(
                "--log-dir: expected none in a program of several workers; "
                f"found {shown(config.log_dir)}"
            )
        data = self.task.load(config)
        with contextlib.ExitStack() as stack:
            if role.is_chief:  # before it meets the others: a second cluster is refused here
                stack.enter_context(claim_folder(config.checkpoint_dir))
            require_free_port(role)
            stack.enter_context(_errors_in_one_line(role))
            patience = stack.enter_context(contextlib.closing(Patience(config.patience, role)))
            return self._joined(config, role, data, progress or _progress(role), patience)

    def _joined(
        self, config: Any, role: Role, data: Any, progress: Any, patience: Patience
    ) -> TrainingResult:
        if not role.serves:
            patience.expect("all processes of the cluster")
        model = self.model_class(config)  # what serves stays in here until it is ended
        restores = model.restores
        path = self.restore(model, config.checkpoint_dir, progress.warn) if restores else None
        if path is None:
            model.start()
        progress.begin(model.step(), config.steps, path)
        run = ClusterRun(self, config, model, data, progress, role)
        patience.rest()
        if model.step() < config.steps and role.is_chief:
            progress.note(f"loss: mean over a batch; at the end: {self.task.measured}")
        with self._watched(config, model, role, patience) as watched:
            self.train_with(watched, run)
        if not role.is_chief:  # the chief tells the rest
            return progress.finish({}, {})._replace(losses=np.empty(0, np.float32))
        return progress.finish(model.variables(), self.task.metrics(model, data))

    @contextlib.contextmanager
    def _watched(self, config: Any, model: Any, role: Role, patience: Patience) -> Iterator[Any]:
        if not config.trace:
            yield WatchedWorker(model, patience)
            return
        mine = dataclasses.replace(config, trace=trace_of(config.trace, role))
        with trace_recorder(mine, model, self.style) as recorder:
            yield WatchedWorker(model, patience, recorder)


class AsynchronousProgram(ClusterProgram):
    """A style file whose processes do not wait for each other at every step.

    Its model has, beside what a ClusterProgram's has, `ROLES`, the kinds of process that it takes.
    """

    @property
    def required(self) -> Sequence[str]:
        """Returns all kinds of process: without a server, each worker would train for itself."""
        roles: Sequence[str] = self.model_class.ROLES
        return roles

    def train(self, config: Any, progress: Any = None) -> TrainingResult:
        """Trains as a ClusterProgram does, but records no steps, which have no order.

        Raises:
            SuiteError: as there, or a trace is asked for.
        """
        for name in ("trace", "trace_every", "trace_steps"):
            if getattr(config, name):
                raise UsageError(
                    f"--{name.replace('_', '-')}: expected none, for asynchronous steps have no "
                    f"order; found {shown(getattr(config, name))}"
                )
        return super().train(config, progress)

    @contextlib.contextmanager
    def _watched(
        self, config: Any, model: Any, role: Role, patience: Patience
    ) -> Iterator[WatchedSteps]:
        yield WatchedSteps(model, patience)


def trace_of(path: str, role: Role) -> str:
    """Returns the file that a process writes its trace to: the chief's is the one asked for."""
    if role.is_chief:
        return path
    stem, dot, end = path.rpartition(".")
    return f"{stem}-worker{role.index}.{end}" if dot else f"{path}-worker{role.index}"


def _progress(role: Role) -> Progress:
    return PrintedProgress() if role.is_chief else UnseenProgress()


class UnseenProgress(Progress):
    """Takes the reports of a worker whose chief tells the same; there may be no loss in them."""

    def report(self, steps: range, losses: Any, **values: float) -> None:
        """Keeps the step."""
        self._step = steps.stop


class ClusterRun(TrainingRun):
    """A training run of one process: the chief alone saves."""

    def __init__(
        self, program: Any, config: Any, model: Any, data: Any, progress: Any, role: Role
    ) -> None:
        """Takes what a TrainingRun takes, and the role of this process."""
        super().__init__(program, config, model, data, progress)
        self._role = role

    def _save(self) -> str:
        return super()._save() if self._role.is_chief else ""


class WatchedWorker:
    """A model each of whose steps is waited for, and recorded if there is a recorder.

    All else is asked of the model itself.
    """

    def __init__(self, model: Any, patience: Patience, recorder: Any = None) -> None:
        """Takes a model that has started, and an open recorder or None."""
        self._model, self._patience, self._recorder = model, patience, recorder
        if recorder is not None:
            recorder.record_initial(model.variables(), model.slots(), step=model.step())

    def __getattr__(self, name: str) -> Any:
        """Returns what the model has under this name."""
        return getattr(self._model, name)

    def train_steps(self, *stacked: np.ndarray) -> np.ndarray:
        """Trains on stacked batches [steps, batch, ...]; returns the losses [steps]."""
        coming = itertools.count(self._model.step() + 1)
        losses: np.ndarray = stack([self._step(next(coming), one) for one in each_step(stacked)])
        self._patience.rest()
        return losses

    def _step(self, step: int, batch: Batch) -> Any:
        self._patience.expect(f"step {step}")
        model = self._model
        loss = call(model.train_step, batch)
        if self._recorder is not None:
            # No other process can update again before this one has computed its next gradient.
            self._recorder.record(
                step, total(loss), batch=batch, slots=model.slots(), variables=model.variables()
            )
        return loss


class WatchedSteps:
    """A model whose steps are waited for until all of a call are done.

    All else is asked of the model itself.
    """

    def __init__(self, model: Any, patience: Patience) -> None:
        """Takes a model that has started."""
        self._model, self._patience = model, patience
        self._step = model.step()

    def __getattr__(self, name: str) -> Any:
        """Returns what the model has under this name."""
        return getattr(self._model, name)

    def train_steps(self, *stacked: np.ndarray) -> np.ndarray:
        """Trains on stacked batches [steps, batch, ...]; returns the losses [steps]."""
        self._step += len(stacked[0])
        self._patience.expect(f"step {self._step}")
        losses: np.ndarray = self._model.train_steps(*stacked)
        self._patience.rest()
        return losses


@contextlib.contextmanager
def _errors_in_one_line(role: Role) -> Iterator[None]:
    """Turns what TensorFlow raises when another process is gone into one line."""
    try:
        yield
    except SuiteError:
        raise
    except Exception as error:
        if not role.cluster or not type(error).__module__.startswith("tensorflow"):
            raise
        said = str(error).strip().splitlines()
        reason = said[0] if said else type(error).__name__
        raise SuiteError(
            f"{role.name}: expected that all other processes answer, found: {reason:.200}"
        ) from error
