"""Record a run of a model under one runtime: all that every step computes.

A run is trained by the model's own `train_step` or `train_steps`. A watch beside it keeps what
passes through: logits and gradients as the update consumed them, slots and variables as it left
them, or as the last update did where a step makes several. The same run is trained once more
without a watch, to show that the watch changes no bit.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Mapping, NamedTuple, Sequence

import numpy as np

from shared.data.batch_order import chunks
from shared.models import Pair
from shared.program.batches import Arrays, Batch, call, inputs_of, one_step, total
from shared.trace_recorder import TraceRecorder

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
    computed. `steps_a_call` is the fewest that show what the runtime is about.
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
    variables, slots = run.model.variables(), run.model.slots()
    most = min(steps, CHUNK_STEPS, CHUNK_BYTES // _bytes_of(variables, slots))
    a_call = max(run.steps_a_call, most)
    seen_since = run.watch(inputs_of(run.model, one_step(batches(range(1)), 0)), a_call)
    with TraceRecorder(path, model=model, runtime=runtime) as recorder:
        recorder.record_initial(variables, slots)
        with ThreadPoolExecutor(1) as background:  # digests one call while the next one trains
            recorded: Future[Any] = background.submit(int)  # nothing yet
            for part in chunks(0, steps, a_call):
                fed = batches(part)
                losses, seen = total(call(run.train_steps, fed)), seen_since()
                recorded.result()
                recorded = background.submit(_record_steps, recorder, part, fed, losses, seen)
        recorded.result()


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
) -> None:
    stacked = {
        stage: {name: _rows(values) for name, values in tensors.items()}
        for stage, tensors in seen.items()
    }
    recorder.record_steps(
        [step + 1 for step in steps],
        losses,
        batch=fed,
        logits=stacked["logits"]["logits"],
        gradients=stacked["gradient"],
        slots=stacked["slot"],
        variables=stacked["variable"],
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
