"""Record a run of a model under one runtime: all that every step computes.

A run is trained by the model's own `train_step` or `train_steps`. A watch beside it keeps what
passes through: logits and gradients as the update consumed them, slots and variables as it left
them, or as the last update did where a step makes several. The same run is trained once more
without a watch, to show that the watch changes no bit.
"""

from __future__ import annotations

import functools
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import numpy as np

from shared.data.batch_order import chunks
from shared.models import Pair
from shared.program.batches import Arrays, Batch, call, inputs_of, one_step, total
from shared.trace_recorder import Known, TraceRecorder

# Stage of a trace -> name of the tensor -> its values at each step, [steps] of arrays.
Seen = Mapping[str, Mapping[str, Any]]
Batches = Callable[[range], Batch]  # stacked: inputs and targets [steps, batch, ...]

CHUNK_STEPS = 100
CHUNK_BYTES = 2**26  # of gradients, slots and variables that a watch holds at a time


class Run(NamedTuple):
    """A model at step 0 under one runtime.

    `train_steps` takes stacked batches and returns float32 losses [steps]. `watch`, called once
    and before anything is trained, takes the inputs of the first step and how many steps a call
    of `train_steps` makes at most; it returns what hands over what the steps since the last time
    computed, in arrays that may be used again the next time. `steps_a_call` is the fewest that
    show what the runtime is about.
    """

    config: Any
    model: Any
    train_steps: Callable[..., Any]
    watch: Callable[[Arrays, int], Callable[[], Seen]]
    steps_a_call: int = 1


def state_variables(model: Any) -> Mapping[str, Any]:
    """Returns the handles of what `model.variables()` reads: parameters, and averages if any."""
    handles: Mapping[str, Any] = getattr(model, "state_variables", lambda: model.parameters)()
    return handles


def parameters_by_update(model: Any) -> Mapping[str, Sequence[str]]:
    """Returns the names of the parameters that each update of a step changes, by its name.

    A model whose step makes several updates names them in `variables_of`, with the parameters of
    each. Then its `update` takes such a name beside the gradients, and in tf1_style `train_ops` and
    `batch_gradients` have one entry a name. A model without it makes one update, named "" here.
    """
    updates = getattr(model, "variables_of", {"": model.parameters})
    return {name: list(parameters) for name, parameters in updates.items()}


def batches_of(pair: Pair, config: Any) -> Batches:
    """Returns what gives the stacked batches of a range of steps, as the style files train on."""
    task = pair.task
    data = task.load(config)
    return lambda steps: task.batches(data, config, steps)


class Recording(NamedTuple):
    """A run to be recorded."""

    run: Run
    batches: Batches
    steps: int  # at least 1
    path: str  # of the trace to write
    runtime: str  # what runs it, for the trace


def record(run: Run, batches: Batches, steps: int, path: str, model: str, runtime: str) -> None:
    """Trains `steps` steps and writes a trace of every tensor at every step.

    Args:
        run: a model at step 0 and how it is run.
        batches: of `batches_of`.
        steps: how many to train, at least 1.
        path: the trace to write.
        model: its name, for the trace.
        runtime: what runs it, for the trace.

    Raises:
        TraceFileError: the trace cannot be written.
    """
    record_beside([Recording(run, batches, steps, path, runtime)], model)


def record_beside(recordings: Sequence[Recording], model: str) -> None:
    """Records runs that should compute the same, each as `record` does.

    A call of each trains in turn. So what the first computed is still in memory, and where another
    computed the same bits, its digests are known. One that makes more steps a call than the first,
    for want of memory, is recorded after the others.

    Args:
        recordings: the first has at least as many steps as any other.
        model: its name, for the traces.

    Raises:
        TraceFileError: a trace cannot be written.
    """
    first, *_ = steps_a_call = [_steps_a_call(each.run, each.steps) for each in recordings]
    fitting = [each for each, a_call in zip(recordings, steps_a_call) if a_call == first]
    _record_in_turn(fitting, model, first)
    for each, a_call in zip(recordings, steps_a_call):
        if a_call != first:
            _record_in_turn([each], model, a_call)


def _steps_a_call(run: Run, steps: int) -> int:
    of_memory = CHUNK_BYTES // _bytes_of(run.model.variables(), run.model.slots())
    return max(run.steps_a_call, min(steps, CHUNK_STEPS, of_memory))


def _record_in_turn(recordings: Sequence[Recording], model: str, a_call: int) -> None:
    with ExitStack() as stack:
        begun = [_Begun(each, model, a_call, stack) for each in recordings]
        # Digests one call of the first run while the next call, of whichever run, trains.
        background = stack.enter_context(ThreadPoolExecutor(1))
        recorded: Future[Known] = background.submit(dict)  # nothing yet
        for part in chunks(0, recordings[0].steps, a_call):
            for run in begun:
                if part.start < run.steps:
                    run.train(part)
                    known = recorded.result()
                    if run is begun[0]:
                        recorded = background.submit(run.record_trained())
                    else:
                        run.record_trained()(known)
        recorded.result()


class _Begun:
    """A run that is being recorded."""

    def __init__(self, recording: Recording, model: str, a_call: int, stack: ExitStack) -> None:
        """Begins the trace, which is complete once the stack unwinds."""
        run, batches, self.steps, path, runtime = recording
        self._run, self._batches = run, batches
        variables, slots = run.model.variables(), run.model.slots()
        self._seen_since = run.watch(inputs_of(run.model, one_step(batches(range(1)), 0)), a_call)
        self._recorder = stack.enter_context(TraceRecorder(path, model=model, runtime=runtime))
        self._recorder.record_initial(variables, slots)

    def train(self, part: range) -> None:
        """Trains those of some steps that the run has."""
        self._trained = range(part.start, min(part.stop, self.steps))
        self._fed = self._batches(self._trained)
        self._losses = total(call(self._run.train_steps, self._fed))

    def record_trained(self) -> Callable[..., Known]:
        """Takes what the steps just trained computed; returns what records it."""
        computed = self._trained, self._fed, self._losses, self._seen_since()
        return functools.partial(_record_steps, self._recorder, *computed)


def _bytes_of(variables: Mapping[str, np.ndarray], slots: Mapping[str, np.ndarray]) -> int:
    """Bytes of one step: a gradient for each variable, the variables, the slots."""
    return sum(2 * value.nbytes for value in variables.values()) + sum(
        value.nbytes for value in slots.values()
    )


def _record_steps(
    recorder: TraceRecorder,
    steps: range,
    fed: Batch,
    losses: np.ndarray,
    seen: Seen,
    known: Known | None = None,
) -> Known:
    stacked = {
        stage: {name: _rows(values) for name, values in tensors.items()}
        for stage, tensors in seen.items()
    }
    return recorder.record_steps(
        [step + 1 for step in steps],
        losses,
        batch=fed,
        logits=stacked["logits"]["logits"],
        gradients=stacked["gradient"],
        slots=stacked["slot"],
        variables=stacked["variable"],
        known=known,
    )


def _rows(values: Any) -> np.ndarray:
    """Returns an array of what may be a list of arrays; a single one is not copied."""
    return np.asarray(values[0])[np.newaxis] if len(values) == 1 else np.asarray(values)


def record_unwatched(run: Run, batches: Batches, steps: int, path: str) -> None:
    """Trains as a user of the model does; writes the losses, and the state before and after.

    Raises:
        TraceFileError: the trace cannot be written.
    """
    model = run.model
    with TraceRecorder(path) as recorder:
        recorder.record_initial(model.variables(), model.slots())
        for part in chunks(0, steps, CHUNK_STEPS):
            losses = total(call(run.train_steps, batches(part)))
            for step, loss in zip(part, losses):
                is_last = step == steps - 1
                recorder.record(
                    step + 1,
                    loss,
                    slots=model.slots() if is_last else None,
                    variables=model.variables() if is_last else None,
                )
