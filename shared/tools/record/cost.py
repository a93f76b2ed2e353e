"""What recording costs: one training step of the convolutional network, with and without it.

    python -m shared.tools.record.cost

Plain steps, steps of which loss, batch and logits are recorded, and steps of which all is recorded
(digests, no whole tensors) take turns in one process, so that all see the same machine. Their lower
quartiles are compared: what else the machine does can only add to the time of a step.
"""

from __future__ import annotations

import argparse
import functools
import operator
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import shared.tensorflow_loading  # noqa: F401 -- before TensorFlow, whose messages it silences
from shared.tools.record.command import add_options
from shared.tools.record.graphs import Graphs
from shared.tools.record.session import FIRST, STRIDE, Recording

_BATCH = 50
_WARM_UP = 3  # rounds: plans are made, whole tensors kept and laws checked at the first steps


class Seconds(NamedTuple):
    """Lower quartiles: of a plain step, of a recorded one, and of one recorded with parameters.

    `full` holds what it costs the step after it, too, which finds other data in the caches.
    """

    plain: float
    light: float
    full: float

    def share(self, stride: int) -> float:
        """Returns what recording adds to a plain step, where each `stride`-th is a full one."""
        recorded = (self.full + (stride - 1) * self.light) / stride
        return recorded / self.plain - 1


def measure(rounds: int) -> Seconds:
    """Returns what each kind of step takes; each has its turn `rounds` times."""
    from tensorflow.python.client import session
    from tensorflow.python.ops import gradients_util
    from tensorflow.python.training import optimizer

    kinds = (session.BaseSession, gradients_util, optimizer.Optimizer)
    of_optimizer = ("apply_gradients", "__init__")
    names = (
        ("run", "make_callable", "_make_callable_from_options"),
        ("_GradientsHelper",),
        of_optimizer,
    )
    plain = [(k, n, getattr(k, n)) for k, of in zip(kinds, names, strict=True) for n in of]
    with tempfile.TemporaryDirectory(prefix="pairs-cost-") as folder:
        recording = Recording(_options(Path(folder, "cost.npz")))
        graphs = Graphs(recording)
        try:
            graphs.hook_session(session)
            graphs.hook_gradients(gradients_util)
            graphs.hook_optimizer(optimizer)
            return _take_turns(recording, session.BaseSession, plain[0][2], rounds)
        finally:
            for kind, name, value in plain:
                setattr(kind, name, value)
            recording.recorder.discard()


def _options(out: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser)
    options = parser.parse_args([])
    vars(options).update(out=str(out), script="cnn", arguments=[])
    return options


def _take_turns(recording: Recording, sessions: Any, plain_run: object, rounds: int) -> Seconds:
    recorded_run = sessions.run
    step = _network()
    seconds: dict[str, list[float]] = {kind: [] for kind in ("full", "after", "light", "plain")}
    for number in range(_WARM_UP + rounds):
        pair = ("light", "plain") if number % 2 else ("plain", "light")
        for kind in ("full", "after", "settling", *pair):
            sessions.run = recorded_run if kind in ("full", "light") else plain_run
            recording.is_full = functools.partial(operator.eq, kind, "full")  # type: ignore[method-assign]
            begin = time.perf_counter()
            step()
            if number >= _WARM_UP and kind in seconds:
                seconds[kind].append(time.perf_counter() - begin)
    of = {kind: statistics.quantiles(taken, n=4)[0] for kind, taken in seconds.items()}
    return Seconds(of["plain"], of["light"], of["full"] + of["after"] - of["plain"])


def _network() -> Callable[[], object]:
    from tf1_style.cnn import CNN, Config

    network = CNN(Config())
    random = np.random.RandomState(0)
    images = random.rand(_BATCH, 784).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[random.randint(0, 10, _BATCH)]
    return lambda: network.train_step(images, labels)


def main() -> None:
    """Prints what recording costs."""
    parser = argparse.ArgumentParser(description="Measures what recording costs.")
    parser.add_argument("--stride", type=int, default=STRIDE, metavar="K")
    parser.add_argument("--rounds", type=int, default=30, metavar="N")
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    print(f"a step of the CNN, {_BATCH} images, lower quartile of {arguments.rounds}, by turns:")
    for name, value in zip(
        ("not recorded", "loss, batch and logits", "all, digests only"), found, strict=True
    ):
        print(f"  {name:<24} {1000 * value:6.1f} ms  {100 * (value / found.plain - 1):+5.0f} %")
    share = 100 * found.share(arguments.stride)
    print(f"all of one step in {arguments.stride}, as after the first {FIRST}: {share:+.1f} %")


if __name__ == "__main__":
    main()
