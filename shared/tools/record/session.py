"""What is recorded, and when it is enough: the state that all hooks of one run share."""

# Runs inside recorded programs, lowered to Python 2.7: annotations and f-strings at most.

import collections
import sys
import threading
from _thread import interrupt_main
from typing import Any

import numpy as np

from shared.tools.record.laws import SelfCheck
from shared.tools.record.noise import Noise
from shared.trace_recorder import (
    DTYPES,
    FLOAT_DTYPES,
    TraceFileError,
    TraceRecorder,
    read_trace,
)

FIRST = 20  # steps, of which all is recorded: mistakes of a port show in the first ones
STRIDE = 50  # afterwards all of each 50th; shared/tools/record/cost.py measures the cost


class Enough(SystemExit):
    """Ends the program, or one thread of it, after the steps asked for."""


class Recording:
    """One run's trace, its options and the step it is at."""

    def __init__(self, options: Any) -> None:
        """Opens the trace; raises TraceFileError where a file given cannot be used."""
        self.options = options
        self.step = 0
        self.has_initial = False
        self.is_done = self.is_closed = False
        self._lock = threading.RLock()
        self.loss_dtype: Any = None
        self.optimizers: dict[str, Any] = {}
        self.losses: list[str] = []
        self.forms: dict[Any, Any] = {}
        self.check = SelfCheck()
        self.noise = Noise(self)
        self.random_operations = 0
        self.warnings: list[str] = []
        self.told: set[str] = set()
        self.start = _start(options.start_from) if options.start_from else {}
        self.batches = read_trace(options.batches_from) if options.batches_from else None
        self.random = np.random.RandomState(options.perturb or 0)
        self.recorder = TraceRecorder(
            options.out,
            model=options.script,
            style="recorded",
            runtime="",
            every=options.every,
            keep_batches=options.keep_batches,
        )

    def warn(self, text: str, about: str | None = None) -> None:
        """Notes what a reader of the trace has to know; also on standard error.

        Args:
            text: one sentence.
            about: what it tells of, which is told once only; by default the text itself.
        """
        if (about or text) not in self.told:
            self.told.add(about or text)
            self.warnings.append(text)
            sys.stderr.write("record: " + text + "\n")

    def initial(self, variables: dict[str, Any], slots: dict[str, Any]) -> None:
        """Records the values before the first step."""
        self.has_initial = True
        self.recorder.record_initial(_numbers(variables), _numbers(slots))
        self.check.begin(_numbers(variables), _numbers(slots))

    def value_to_start_from(self, name: str, value: Any) -> np.ndarray | None:
        """Returns the value that a variable has to start from, or None to leave its own.

        Args:
            name: of the variable.
            value: its own initial value; the result has its shape and dtype.

        Raises:
            TraceFileError: the value that --start-from has for it is of another shape.
        """
        if name in self.start:
            given = np.asarray(self.start[name])
            if given.shape != np.shape(value):
                raise TraceFileError(
                    f"{self.options.start_from}: {name}: expected the shape "
                    f"{list(np.shape(value))}, found {list(given.shape)}"
                )
            value = given.astype(np.asarray(value).dtype)
        elif self.options.perturb is None:
            return None
        if self.options.perturb is not None and np.asarray(value).dtype.kind == "f":
            value = self._neighbour(np.asarray(value))
        return np.asarray(value)

    def _neighbour(self, value: np.ndarray) -> np.ndarray:
        up = self.random.randint(0, 2, size=value.shape).astype(bool)
        ends = np.where(up, np.inf, -np.inf).astype(value.dtype)
        return np.where(value == 0, value, np.nextafter(value, ends))

    def given_batch(
        self, name: str, position: int, shape: list[Any], kind: str
    ) -> np.ndarray | None:
        """Returns the recorded batch tensor of the coming step: by name, else order and form.

        Args:
            name: of the tensor that is fed.
            position: its number among those that are fed, from 0, scalars not counted.
            shape: what it accepts; None where any size is.
            kind: NumPy's letter for its dtype, such as "f".

        Returns:
            The tensor as it was recorded, or None where none fits, which is told once.
        """
        if self.batches is None:
            return None
        step = self.step + 1
        names = [t.name for t in self.batches.tensors if t.stage == "batch" and len(t.shape)]
        kept = {
            n: self.batches.whole("batch", n, step)
            for n in names
            if step in self.batches.whole_steps("batch", n)
        }
        if name not in kept or not _fits(kept[name], shape, kind):
            fits = [n for n, value in kept.items() if _fits(value, shape, kind)]
            if position < len(names) and names[position] in fits:
                name = names[position]
            elif len(fits) == 1:
                name = fits[0]
            else:
                self._warn_of_batch(name, step, bool(kept))
                return None
        return kept[name]

    def _warn_of_batch(self, name: str, step: int, has_any: bool) -> None:
        what = f"no recorded batch fits {name}" if has_any else "the recorded batches end"
        self.warn(f"{what} at step {step}; from there the program's own stay", about=what)

    def is_full(self) -> bool:
        """Returns whether the step that begins is recorded with gradients, slots and variables.

        Loss, batch and logits are recorded at each. To copy and hash all parameters costs about as
        much as the step itself, so it is done at each `--stride`th only. Each state follows from
        the one before, so that an equal one makes equal steps between very likely.
        """
        step, every = self.step + 1, self.options.every
        is_asked_for = bool(every) and step % every == 0
        is_last = step == self.options.steps
        stride = self.options.stride or STRIDE
        return step <= FIRST or step % stride == 0 or is_asked_for or is_last

    def _end_at_last(self) -> None:
        if self.options.steps and self.step >= self.options.steps:
            self.is_done = True
            if threading.current_thread().name != "MainThread":
                interrupt_main()
            raise Enough

    def record(
        self,
        losses: dict[str, Any],
        batch: dict[str, Any],
        logits: dict[str, Any] | None,
        gradients: dict[str, Any],
        slots: dict[str, Any],
        variables: dict[str, Any],
    ) -> None:
        """Records one step, and ends the program when it was the last one asked for.

        Where `is_full` says no, gradients, slots and variables are empty.

        Raises:
            Enough: this was the last step asked for, another thread has recorded that one, or the
                trace is closed.
        """
        with self._lock:
            if self.is_done or self.is_closed:  # another thread goes on
                raise Enough
            self.step += 1
            self.random_operations = max(self.random_operations, self.noise.drawn)
            self.noise.drawn = 0
            self.losses += [name for name in losses if name not in self.losses]
            self.recorder.record(
                self.step,
                self._whole_loss(losses),
                batch=self._same_form("batch", _numbers(batch)),
                logits=self._same_form("logits", _numbers(logits or {})),
                gradients=self._same_form("gradient", _numbers(gradients)),
                slots=self._same_form("slot", _numbers(slots)),
                variables=self._same_form("variable", _numbers(variables)),
            )
            if len(losses) > 1:  # of several optimizers, or of towers: each beside the sum
                for name, loss in sorted(losses.items()):
                    self.recorder.record_loss(self.step, str(name), np.sum(np.asarray(loss)))
            if self.step <= SelfCheck.STEPS:
                self.check.check_step(list(self.optimizers.values()), gradients, variables, slots)
            self._end_at_last()

    def _whole_loss(self, losses: dict[str, Any]) -> Any:
        values = [np.sum(np.asarray(loss)) for loss in losses.values()]
        loss = np.asarray(sum(values[1:], values[0]) if values else np.float32("nan"))
        if self.loss_dtype is None:
            is_float = loss.dtype.name in FLOAT_DTYPES
            self.loss_dtype = loss.dtype if is_float else np.dtype("float32")
        return loss.astype(self.loss_dtype)

    def _same_form(self, stage: str, tensors: dict[str, Any]) -> dict[str, Any]:
        """Leaves out tensors whose dtype or rank is another than at their first step."""
        kept: dict[str, Any] = collections.OrderedDict()
        for name, value in tensors.items():
            if value is None:
                continue
            form = np.asarray(value).dtype.name, np.ndim(value)
            first = self.forms.setdefault((stage, name), form)
            if form == first:
                kept[name] = value
            else:
                self.warn(
                    f"{stage} {name} has the dtype {form[0]} and {form[1]} dimensions at step "
                    f"{self.step}, {first[0]} and {first[1]} at its first: left out there"
                )
        return kept

    def close(self) -> None:
        """Completes the trace: also after an exception or Ctrl-C, with the steps until then."""
        with self._lock:  # a thread may be in the midst of a step
            self.is_closed = True
            if self.check.unexplained:
                self.warn(
                    "the gradients recorded of {} are not the ones applied: what the optimizer "
                    "kept does not follow from them".format(", ".join(self.check.unexplained))
                )
            self.recorder.annotate(
                {
                    "recorder": {
                        "options": dict(vars(self.options), arguments=list(self.options.arguments)),
                        "optimizers": list(self.optimizers.values()),
                        "losses": self.losses,
                        "warnings": self.warnings,
                        "random_operations": self.random_operations,
                        "gradients_checked": self.check.checked,
                        "gradients_not_applied": self.check.unexplained,
                    }
                }
            )
            self.recorder.close()


def _start(path: str) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as values:
            return {name: values[name] for name in values.files}
    except Exception as error:
        raise TraceFileError(
            f"--start-from {path}: expected an .npz of arrays, found: {error}"
        ) from error


def _fits(value: np.ndarray, shape: list[Any], kind: str) -> bool:
    """Whether a recorded tensor can be fed: of the same rank, sizes and kind of dtype.

    Integers and booleans may stand for one another, as labels do.
    """
    same = value.ndim == len(shape) and all(b in (None, a) for a, b in zip(value.shape, shape))
    return same and (value.dtype.kind == kind or {value.dtype.kind, kind} <= set("iub"))


def _numbers(tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns those whose dtype a trace can hold: no text, no objects, no complex numbers."""
    # str: in Python 2 TensorFlow's names are unicode.
    arrays = [(str(name), np.asarray(value)) for name, value in tensors.items()]
    return collections.OrderedDict((n, a) for n, a in arrays if a.dtype.name in DTYPES)
