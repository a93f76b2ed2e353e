"""What asynchronous workers may make of softmax regression: interleavings, simulated in float64."""

from __future__ import annotations

import functools

import numpy as np

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits

STEPS = 40


@functools.cache
def losses_of_interleavings(take_turns: bool, stretch: int, rate: float) -> tuple[float, float]:
    """Returns the least and the greatest loss at the end that two workers may come to.

    Of 60 interleavings, from one worker that does nearly everything to two that take turns, the
    second one in time or late. They are not all that there are, so the range is made twice as wide.
    """
    random = np.random.RandomState(0)
    waits = [late for late in (0, 1, 4, 7) if late < stretch // 2] + [stretch // 2]
    losses = [
        final_loss(random, share, take_turns, stretch, rate, late)
        for share in np.linspace(0, 1, 12)
        for late in waits
    ]
    margin = (max(losses) - min(losses)) / 2
    return min(losses) - margin, max(losses) + margin


def final_loss(
    order: np.random.RandomState,
    share: float,
    take_turns: bool,
    stretch: int,
    rate: float,
    late: int = 0,
) -> float:
    """Returns the mean loss over the test images after two workers have trained on STEPS batches.

    A worker that is chosen applies the gradient that it has, and computes that of its next batch at
    the weights as they then are. Nobody passes the end of a stretch before all have come there.

    Args:
        order: chooses who applies next.
        share: how often that is the first worker, from 0 to 1.
        take_turns: whether every other batch is a worker's own; else the next one is for whoever is
            free.
        stretch: steps between two ends.
        rate: the learning rate.
        late: how many batches of each stretch are trained on before the second worker begins: its
            first gradient is then not of the weights at its begin. At most half a stretch.
    """
    inputs, labels, test_inputs, test_labels = _sample()
    rows = batch_rows(len(inputs), 50, range(STEPS), 0)
    weights = np.zeros([785, 10])
    for first in range(0, STEPS, stretch):
        part = rows[first : first + stretch]
        common = iter(part)
        coming = [iter(part[0::2]), iter(part[1::2])] if take_turns else [common, common]
        held: dict[int, np.ndarray] = {}
        idle, done = [0] if late else [0, 1], 0
        while idle or held:
            for worker in idle:
                batch = next(coming[worker], None)
                if batch is not None:
                    held[worker] = _gradient(weights, inputs[batch], labels[batch])
            chosen = int(order.uniform() > share)
            idle = [chosen if chosen in held else 1 - chosen] if held else []
            for worker in idle:
                weights = weights - rate * held.pop(worker)
            done += len(idle)
            if late and done == late:
                idle, done = [*idle, 1], stretch  # from here on both train
    logits = test_inputs @ weights
    return float(np.mean(_log_sums(logits) - (logits * test_labels).sum(axis=1)))


@functools.cache
def _sample() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns images, with a 1 behind each, and labels; to train on, and to test."""
    data = load_digits("sample")
    images = [_with_one(array.astype(float)) for array in (data.train_images, data.test_images)]
    return images[0], data.train_labels.astype(float), images[1], data.test_labels


def _gradient(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logits = inputs @ weights
    softmax = np.exp(logits - _log_sums(logits)[:, None])
    gradient: np.ndarray = inputs.T @ (softmax - labels) / len(inputs)
    return gradient


def _with_one(images: np.ndarray) -> np.ndarray:
    return np.hstack([images, np.ones([len(images), 1])])


def _log_sums(logits: np.ndarray) -> np.ndarray:
    top = logits.max(axis=1)
    found: np.ndarray = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return found
