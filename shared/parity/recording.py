"""Record a run of a model under one runtime, thoroughly and yet fast enough for 10,000 steps.

The steps are cut at 1, 2, 5, 10, 20, 50 and so on, and before the last one. Batch and loss are
recorded at every step; logits and gradients at the first step of each piece; slots and variables
after its last. An update enters every later variable, so equal bits at the end of a piece, and in
the loss of each of its steps, leave little room for a difference between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from shared.batches import batch_rows
from shared.lines import exact_line, noisy_line
from shared.models import IMAGES, Pair
from shared.trace import TraceRecorder


class Execution(NamedTuple):
    """What a recording asks of a model; `train_steps` decides how many steps a call makes."""

    predict: Callable[[np.ndarray], Any]  # logits, without dropout
    gradients: Callable[[np.ndarray, np.ndarray], Mapping[str, Any]]
    train_steps: Callable[[np.ndarray, np.ndarray], np.ndarray]  # float32 losses [steps]
    variables: Callable[[], Mapping[str, np.ndarray]]
    slots: Callable[[], Mapping[str, np.ndarray]]


def own_execution(model: Any) -> Execution:
    """Runs the model by its own methods."""
    return Execution(
        model.predict, model.gradients, model.train_steps, model.variables, model.slots
    )


def pieces(steps: int) -> list[range]:
    """Cuts steps 0 to `steps` - 1 after 1, 2, 5, 10, 20, 50 ... of them and before the last."""
    ends = {factor * 10**power for factor in (1, 2, 5) for power in range(len(str(steps)))}
    # A last piece of one step has gradients and variables of the last step, which are kept whole.
    cuts = sorted({end for end in ends if end < steps} | ({steps - 1, steps} - {0}))
    return [range(start, end) for start, end in zip([0, *cuts], cuts)]


def batches_of(pair: Pair, config: Any) -> Callable[[range], tuple[np.ndarray, np.ndarray]]:
    """Returns what gives the stacked batches of a range of steps, as the style files train on."""
    if pair.name == "linear_regression":  # a step is an epoch
        line = noisy_line(config.seed)
        return lambda steps: (
            np.broadcast_to(line.inputs, [len(steps), len(line.inputs)]),
            np.broadcast_to(line.targets, [len(steps), len(line.targets)]),
        )
    if pair.data == "line":
        line = exact_line(config.seed)
        inputs, targets = line.inputs, line.targets
    else:
        images = IMAGES[pair.data](config.data)
        inputs, targets = images.train_images, images.train_labels

    def rows_of(steps: range) -> tuple[np.ndarray, np.ndarray]:
        rows = batch_rows(len(inputs), config.batch_size, steps, config.seed)
        return inputs[rows], targets[rows]

    return rows_of


def record(
    execution: Execution,
    batches: Callable[[range], tuple[np.ndarray, np.ndarray]],
    steps: int,
    path: str,
    model: str,
    runtime: str,
) -> None:
    """Trains `steps` steps and writes their trace.

    Args:
        execution: a model at step 0 and how it is run.
        batches: of `batches_of`.
        steps: how many to train, at least 1.
        path: the trace to write.
        model: its name, for the trace.
        runtime: what runs it, for the trace.

    Raises:
        TraceFileError: the trace cannot be written.
    """
    with TraceRecorder(path, model=model, runtime=runtime) as recorder:
        recorder.record_initial(execution.variables(), execution.slots())
        for piece in pieces(steps):
            _record_piece(recorder, execution, piece, *batches(piece))


def _record_piece(
    recorder: TraceRecorder,
    execution: Execution,
    piece: range,
    inputs: np.ndarray,
    targets: np.ndarray,
) -> None:
    logits = np.asarray(execution.predict(inputs[0]))
    gradients = execution.gradients(inputs[0], targets[0])
    losses = np.asarray(execution.train_steps(inputs, targets))
    for position, step in enumerate(piece):
        is_first, is_last = step == piece.start, step == piece.stop - 1
        recorder.record(
            step + 1,
            losses[position],
            batch=[inputs[position], targets[position]],
            logits=logits if is_first else None,
            gradients={k: np.asarray(v) for k, v in gradients.items()} if is_first else None,
            slots=execution.slots() if is_last else None,
            variables=execution.variables() if is_last else None,
        )
