"""The order of training batches: one NumPy stream, the same for both styles.

A step's batch depends on the seed and the step alone, so a resumed run sees the very batches that
an uninterrupted one would have seen.
"""

from __future__ import annotations

from typing import Iterator

import numpy as np

from shared.errors import UsageError

# Keeps the stream of batch order apart from other streams drawn from the same seed.
_BATCH_ORDER_STREAM = 1


def batch_rows(example_count: int, batch_size: int, steps: range, seed: int) -> np.ndarray:
    """Returns which examples each step trains on.

    Every epoch is one permutation of all examples, cut into whole batches; the rest of a
    permutation that fills no batch is left out of that epoch.

    Args:
        example_count: number of training examples.
        batch_size: examples a step, from 1 to `example_count`.
        steps: consecutive step numbers, counted from 0 over the whole training.
        seed: seed of the order; `numpy.random.RandomState`'s stream is frozen for good.

    Returns:
        int64 array of shape [len(steps), batch_size], row numbers into the examples.

    Raises:
        UsageError: `batch_size` is not between 1 and `example_count`.
    """
    if not 1 <= batch_size <= example_count:
        raise UsageError(
            f"--batch-size: expected 1 to {example_count} (the number of training examples), "
            f"found {batch_size}"
        )
    batches_an_epoch = example_count // batch_size
    rows = np.empty([len(steps), batch_size], np.int64)
    epoch_shown = None
    for row, step in enumerate(steps):
        epoch, batch = divmod(step, batches_an_epoch)
        if epoch != epoch_shown:
            random = np.random.RandomState([seed, _BATCH_ORDER_STREAM, epoch])
            permutation = random.permutation(example_count)
            epoch_shown = epoch
        rows[row] = permutation[batch * batch_size : (batch + 1) * batch_size]
    return rows


def chunks(first_step: int, last_step: int, size: int) -> Iterator[range]:
    """Yields the steps from `first_step` to before `last_step`, cut at every multiple of `size`."""
    start = first_step
    while start < last_step:
        end = min((start // size + 1) * size, last_step)
        yield range(start, end)
        start = end


def crosses(steps: range, every: int) -> bool:
    """Whether a multiple of `every` lies in `steps`, counted as steps done."""
    return steps.stop // every > steps.start // every
