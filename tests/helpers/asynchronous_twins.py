"""`python -m asynchronous_twins STYLE`: workers that do not wait, and broken ones, as JSON.

The gradients of the counting twins do not depend on the weights, so that no order can be seen in
them: batch k moves row k of the weights by exactly 1, whoever trains on it and whenever.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clusters import DIGITS, Clusters, Kill, Outcome, fingerprint, load_once
from shared.errors import SuiteError
from shared.program.tasks import ImageTask
from shared.tools.workers.cluster import CHIEF, Cluster, Task, on_loopback

STEPS, STRETCH = 40, 20  # steps of a run, and of them between two reports
RATE = 0.05  # with the default of 0.5, late gradients make the range of losses wide
PAIR = "asynchronous_workers"
Made = Callable[[Any, Any], Any]


class OnePixel(ImageTask):
    """In batch k one pixel is lit, the k-th; it is as bright as the batch has images."""

    def batches(self, data: Any, config: Any, steps: range) -> Any:
        """Returns images [steps, batch, 784] and labels [steps, batch, 10]."""
        images = np.zeros([len(steps), config.batch_size, 784], np.float32)
        images[range(len(steps)), 0, list(steps)] = config.batch_size
        return images, np.zeros([len(steps), config.batch_size, 10], np.float32)


ONE_PIXEL = OnePixel(load_once, list)


def whole(style: Any, tf: Any) -> Any:
    return style.AsynchronousWorkers


def doubled(style: Any, tf: Any) -> Any:
    """A gradient counts once for each worker, as where Keras adds up."""

    class Doubled(style.AsynchronousWorkers):
        def update(self, gradients: Any) -> Any:
            return super().update([2 * gradient for gradient in gradients])

    return Doubled


def counting(style: Any, tf: Any) -> Any:
    """The gradient of row k of the weights is how bright pixel k is, whatever the weights."""

    class Counting(style.AsynchronousWorkers):
        def loss(self, logits: Any, labels: Any) -> Any:
            return tf.reduce_sum(logits)

    return Counting


def all_train_on_all(style: Any, tf: Any) -> Any:
    """Every batch is given to every worker."""

    class AllTrainOnAll(counting(style, tf)):  # type: ignore[misc]
        def own(self, batches: Any) -> Any:
            return batches

        def train_steps(self, images: Any, labels: Any) -> Any:
            if style.PROGRAM.style == "tf2_style":
                images, labels = (np.repeat(array, 2, axis=0) for array in (images, labels))
            return super().train_steps(images, labels)

    return AllTrainOnAll


def nobody_waits(style: Any, tf: Any) -> Any:
    """The TensorFlow 1 chief saves as soon as it has trained; the other worker starts after it."""

    class NobodyWaits(counting(style, tf)):  # type: ignore[misc]
        def create_queues(self) -> None:
            super().create_queues()
            self.end = tf.no_op()

        def train_step(self, images: Any, labels: Any) -> Any:
            folder = self.config.checkpoint_dir
            while not self.is_chief and not os.path.exists(folder + ".done"):
                if self.step() < STRETCH and tf.train.latest_checkpoint(folder):
                    break  # the chief has saved its half of the first stretch
                time.sleep(0.05)
            return super().train_step(images, labels)

    return NobodyWaits


COUNTED = (counting, all_train_on_all, nobody_waits)


class Runs:
    """Runs the pair of one style, and twins of it, in clusters."""

    def __init__(self, style: str, work: Path) -> None:
        """Imports the style; checkpoints go to new folders in `work`."""
        self.clusters = Clusters(style, 2, STEPS, work, PAIR)
        self.work, self.style = work, style
        self.folders = 0

    def folder(self) -> str:
        """Returns a folder that is not there yet."""
        self.folders += 1
        return str(self.work / f"saved-{self.folders}")

    def cluster(self, workers: int) -> Cluster:
        return on_loopback(self.style, workers, 1, pair=PAIR)

    def run(self, made: Made, workers: int = 2, **arguments: Any) -> dict[str, Any]:
        """Trains by several workers, or by none in a process of its own; returns the numbers."""
        outcome = self.outcome(made, workers, **arguments)
        if outcome.error:
            sys.exit(f"error: {made.__name__}, {workers} workers: {outcome.error}")
        return found_in(outcome)

    def outcome(
        self, made: Made, workers: int = 2, kill: Kill | None = None, restarts: int = 0,
        **settings: Any,
    ) -> Outcome:  # fmt: skip
        """Trains, and kills a process on the way if asked to."""
        is_counted = made in COUNTED
        stretch = {"report_every": STRETCH, "checkpoint_every": STRETCH}
        rate = {"learning_rate": 1.0} if is_counted else {}
        given = {"steps": STEPS, "checkpoint_dir": self.folder(), **stretch, **rate, **settings}
        config = self.clusters.program.Config(**given)

        def work(task: Task) -> int:
            if not workers:
                del os.environ["TF_CONFIG"]
            return train(self.style, made, config, ONE_PIXEL if is_counted else None)

        cluster = self.cluster(workers) if workers else on_loopback("tf2_style", 1, 0)
        return self.clusters.run_work(cluster, work, kill, restarts)


def train(style_name: str, made: Made, config: Any, task: Any) -> int:
    """Trains in one process of a cluster; the chief prints what came of it."""
    import tensorflow as tf2
    import tensorflow.compat.v1 as tf1

    style = importlib.import_module(f"{style_name}.{PAIR}")
    kept: list[Any] = []

    class Kept(made(style, tf1 if style_name == "tf1_style" else tf2)):  # type: ignore[misc]
        def __init__(self, config: Any) -> None:
            super().__init__(config)
            kept.append(self)

    program = style.PROGRAM._replace(model_class=Kept, task=task or DIGITS)
    try:
        result = program.train(config)
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if result.variables:
        counts = -result.variables["weights"][: config.steps, 0]
        found = {
            "bits": fingerprint(result.variables),
            "loss": result.metrics["loss"],
            "losses": result.losses.tolist(),
            "counts": counts.tolist(),
            "step": kept[0].step(),
            "iterations": int(getattr(kept[0].optimizer, "iterations", 0)),
        }
        print("found " + json.dumps(found), flush=True)
        Path(config.checkpoint_dir + ".done").touch()
    return 0


def found_in(outcome: Outcome) -> dict[str, Any]:
    """Returns what the chief of a run that ended well has printed."""
    (line,) = (line for line in outcome.lines if line.startswith("found "))
    found: dict[str, Any] = json.loads(line[6:])
    return found


def killed_and_resumed(runs: Runs, victim: Task) -> dict[str, Any]:
    """A process is killed after the second report, and so the first save; the command goes on."""
    folder, steps = runs.folder(), 5 * STRETCH
    settings: dict[str, Any] = {"checkpoint_dir": folder, "steps": steps}
    killed = runs.outcome(counting, 2, Kill(victim, 0.02, reports=2), **settings)
    again = runs.outcome(counting, 2, **settings)
    resumed = [line for line in again.lines if line.startswith("resumed at step ")]
    return {
        "error": killed.error,
        "left": killed.left + again.left,
        "resumed": int(resumed[0].split()[3]) if resumed else 0,
        **found_in(again),
    }


def killed_and_restarted(runs: Runs) -> dict[str, Any]:
    """A worker is killed after the first report and started again; the run goes on."""
    kill = Kill(Task("worker", 1), 0.02, reports=1)
    outcome = runs.outcome(counting, 2, kill, restarts=1, steps=20 * STRETCH)
    if outcome.error:
        sys.exit(f"error: {outcome.error}")
    return {"killed": outcome.killed > 0, "left": outcome.left, **found_in(outcome)}


def waits_for_ever(runs: Runs) -> dict[str, Any]:
    """One worker of two never comes."""
    config = runs.clusters.program.Config(checkpoint_dir=runs.folder(), patience=4.0)

    def work(task: Task) -> int:
        if task == Task("worker", 1):
            time.sleep(100)
        return runs.clusters.train(config)

    outcome = runs.clusters.run_work(runs.cluster(2), work)
    return {"error": outcome.error, "seconds": outcome.seconds, "left": outcome.left}


def main() -> None:
    """Prints everything as one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("style")
    parser.add_argument("--only", default="", help="names, all by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        runs = Runs(arguments.style, Path(name))
        victim = Task("worker", 1)
        scenarios: dict[str, Callable[[], Any]] = {
            "alone": lambda: runs.run(whole, 0),
            "one": lambda: runs.run(whole, 1),
            "two": lambda: runs.run(whole, learning_rate=RATE),
            "doubled": lambda: runs.run(doubled, learning_rate=RATE),
            "counting": lambda: runs.run(counting),
            "all_train_on_all": lambda: runs.run(all_train_on_all),
            "killed": lambda: killed_and_resumed(runs, victim),
            "never_comes": lambda: waits_for_ever(runs),
        }
        if arguments.style == "tf1_style":
            scenarios["nobody_waits"] = lambda: runs.run(nobody_waits)
        else:
            scenarios["chief_killed"] = lambda: killed_and_resumed(runs, CHIEF)
            scenarios["restarted"] = lambda: killed_and_restarted(runs)
        chosen = arguments.only.split(",") if arguments.only else list(scenarios)
        found = {}
        for scenario in chosen:
            begun = time.monotonic()
            found[scenario] = scenarios[scenario]()
            print(f"{scenario}: {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
