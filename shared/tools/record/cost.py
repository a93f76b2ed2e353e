"""What recording costs: one training step of the convolutional network, with and without it.

    python -m shared.tools.record.cost

Blocks of recorded and plain steps take turns in one process, so that both see the same machine.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import shared.tensorflow_loading  # noqa: F401 -- before TensorFlow, whose messages it silences
from shared.tools.record.graphs import Graphs
from shared.tools.record.session import Recording

_BATCH = 50
_BLOCK = 20  # steps; a multiple of each stride
_OPTIONS = (
    "steps",
    "every",
    "start_from",
    "batches_from",
    "noise",
    "perturb",
)


def measure(stride: int, blocks: int) -> tuple[float, float]:
    """Returns the seconds of a plain step and of a recorded one, each the median of its blocks.

    Args:
        stride: each how many steps one is recorded, with digests only.
        blocks: of each kind.
    """
    from tensorflow.python.client import session
    from tensorflow.python.ops import gradients_util
    from tensorflow.python.training import optimizer

    plain_run = session.BaseSession.run
    with tempfile.TemporaryDirectory() as folder:
        options = argparse.Namespace(**dict.fromkeys(_OPTIONS))
        vars(options).update(out=str(Path(folder, "cost.npz")), script="cnn", arguments=[])
        vars(options).update(keep_batches=False, stride=stride)
        recording = Recording(options)
        graphs = Graphs(recording)
        graphs.hook_session(session)
        graphs.hook_gradients(gradients_util)
        graphs.hook_optimizer(optimizer)
        recorded_run = session.BaseSession.run
        step = _network()

        def block(run: object) -> float:
            session.BaseSession.run = run
            begin = time.perf_counter()
            for _ in range(_BLOCK):
                step()
            return (time.perf_counter() - begin) / _BLOCK

        block(recorded_run), block(plain_run)  # what only the first steps need
        seconds = [(block(plain_run), block(recorded_run)) for _ in range(blocks)]
        session.BaseSession.run = plain_run
        recording.close()
    plain, recorded = zip(*seconds, strict=True)
    return statistics.median(plain), statistics.median(recorded)


def _network() -> Callable[[], object]:
    from tf1_style.cnn import CNN, Config

    network = CNN(Config())
    random = np.random.RandomState(0)
    images = random.rand(_BATCH, 784).astype(np.float32)
    labels = np.eye(10, dtype=np.float32)[random.randint(0, 10, _BATCH)]
    return lambda: network.train_step(images, labels)


def main() -> None:
    """Prints the cost of each stride."""
    parser = argparse.ArgumentParser(description="Measures what recording costs.")
    parser.add_argument("--stride", type=int, nargs="+", default=[1, 20], metavar="K")
    parser.add_argument("--blocks", type=int, default=3, metavar="N")
    arguments = parser.parse_args()
    for stride in arguments.stride:
        plain, recorded = measure(stride, arguments.blocks)
        print(
            f"--stride {stride}: {1000 * plain:.0f} ms a step, {1000 * recorded:.0f} ms recorded: "
            f"{100 * (recorded / plain - 1):+.0f} %"
        )


if __name__ == "__main__":
    main()
