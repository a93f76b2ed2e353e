"""What is recorded, and when it is enough: the state that all hooks of one run share."""

# Runs inside recorded programs, lowered to Python 2.7: annotations and f-strings at most.

import sys
from typing import Any

import numpy as np

from shared.trace_recorder import DTYPES, TraceFileError, TraceRecorder, as_storable, read_trace


class Enough(BaseException):
    """Ends the program after the steps asked for."""


class Recording:
    """One run's trace, its options and the step it is at."""

    def __init__(self, options: Any) -> None:
        """Opens the trace; raises TraceFileError where a file given cannot be used."""
        self.options = options
        self.step = 0
        self.has_initial = False
        self.loss_dtype: Any = None
        self.optimizers: dict[str, Any] = {}
        self.losses: list[str] = []
        self.warnings: list[str] = []
        self.start = _start(options.start_from) if options.start_from else {}
        self.batches = read_trace(options.batches_from) if options.batches_from else None
        self.random = np.random.RandomState(options.perturb or 0)
        self.recorder = TraceRecorder(
            options.out,
            model=options.script,
            style="recorded",
            runtime="",
            every=options.every,
        )
        if options.keep_batches:
            _keep_all_batches(self.recorder)

    def warn(self, text: str) -> None:
        """Notes, once, what a reader of the trace has to know; also on standard error."""
        if text not in self.warnings:
            self.warnings.append(text)
            sys.stderr.write("record: " + text + "\n")

    def initial(self, variables: dict[str, Any]) -> None:
        """Records the values before the first step."""
        self.has_initial = True
        self.recorder.record_initial(variables=_numbers(variables))

    def started(self, name: str, value: Any) -> np.ndarray | None:
        """Returns the value that the variable has to start from, or None to leave it."""
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

    def given_batch(self, name: str, position: int, like: Any) -> np.ndarray | None:
        """Returns the recorded batch tensor of the coming step: by name, else order and shape."""
        if self.batches is None:
            return None
        step = self.step + 1
        kept = [t.name for t in self.batches.tensors if t.stage == "batch"]
        kept = [n for n in kept if step in self.batches.whole_steps("batch", n)]
        if name not in kept:
            shapes = [n for n in kept if _fits(self.batches.whole("batch", n, step), like)]
            if position < len(kept) and kept[position] in shapes:
                name = kept[position]
            elif len(shapes) == 1:
                name = shapes[0]
            else:
                self.warn(f"no recorded batch fits {name} at step {step}; the program's own stays")
                return None
        return self.batches.whole("batch", name, step)

    def record(
        self,
        losses: dict[str, Any],
        batch: dict[str, Any],
        logits: Any,
        gradients: dict[str, Any],
        slots: dict[str, Any],
        variables: dict[str, Any],
    ) -> None:
        """Records one step, and ends the program when it was the last one asked for."""
        self.step += 1
        self.losses += [name for name in losses if name not in self.losses]
        values = [np.sum(np.asarray(loss)) for loss in losses.values()]
        loss = sum(values[1:], values[0]) if values else np.float32("nan")
        if self.loss_dtype is None:
            self.loss_dtype = np.asarray(loss).dtype
        self.recorder.record(
            self.step,
            np.asarray(loss).astype(self.loss_dtype),
            batch=_numbers(batch),
            logits=logits,
            gradients=_numbers(gradients),
            slots=_numbers(slots),
            variables=_numbers(variables),
        )
        if self.options.steps and self.step >= self.options.steps:
            raise Enough

    def close(self) -> None:
        """Completes the trace: also after an exception or Ctrl-C, with the steps until then."""
        self.recorder.annotate(
            {
                "recorder": {
                    "options": dict(vars(self.options), arguments=list(self.options.arguments)),
                    "optimizers": list(self.optimizers.values()),
                    "losses": self.losses,
                    "warnings": self.warnings,
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


def _fits(value: np.ndarray, like: Any) -> bool:
    shape = np.shape(value)
    return len(shape) == len(like) and all(b is None or a == b for a, b in zip(shape, like))


def _numbers(tensors: dict[str, Any]) -> dict[str, Any]:
    """Returns those whose dtype a trace can hold: no text, no objects, no complex numbers."""
    arrays = {name: np.asarray(value) for name, value in tensors.items()}
    return {name: a for name, a in sorted(arrays.items()) if a.dtype.name in DTYPES}


def _keep_all_batches(recorder: Any) -> None:
    """Lets the recorder keep every batch whole."""
    plain = recorder._record_tensor

    def record_tensor(step: int, stage: str, name: str, value: Any) -> None:
        plain(step, stage, name, value)
        column = recorder._columns[stage, name]
        if stage == "batch" and not column.last_is_written:
            array, _ = as_storable(value, name)
            recorder._write_whole(step, stage, name, array)
            column.last_is_written = True

    recorder._record_tensor = record_tensor
