"""`python -m worker_twins STYLE`: several workers, and what a port gets wrong, as numbers in JSON.

Each twin breaks one place of `SeveralWorkers`. All are trained for a few steps by two workers, and
the one that is whole by one worker, two, and as many as --more says.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from clusters import Clusters, Outcome, fingerprint
from shared.tools.workers.cluster import Task, on_loopback

STEPS, CLIP_NORM = 6, 0.1
UNEQUAL = 7  # images a step that two workers cannot share equally: 4 and 3
Twin = tuple[str, dict[str, Any], Callable[[Any, Any], Any]]


def whole(style: Any, tf: Any) -> Any:
    return style.SeveralWorkers


def own_mean(style: Any, tf: Any) -> Any:
    """Each worker takes the mean over its own share, as code for one worker does."""

    class OwnMean(style.SeveralWorkers):
        def differentiate(self, *arguments: Any) -> Any:
            if style.PROGRAM.style == "tf1_style":
                loss = arguments[0] / tf.cast(tf.shape(self.images)[0], tf.float32)
                self.part = loss
                parameters = list(self.parameters.values())
                pairs = self.optimizer.compute_gradients(loss, parameters)
                return [gradient for gradient, _ in pairs]
            images, labels = arguments
            with tf.GradientTape() as tape:
                size = tf.cast(tf.shape(images)[0], tf.float32)
                part = self.loss(self.forward(images), labels) / size
            return part, tape.gradient(part, list(self.parameters.values()))

    return OwnMean


def not_multiplied(style: Any, tf: Any) -> Any:
    """The part of the mean that Keras wants, handed to SyncReplicas, and the other way round."""

    class NotMultiplied(style.SeveralWorkers):
        def differentiate(self, *arguments: Any) -> Any:
            if style.PROGRAM.style == "tf1_style":
                return super().differentiate(arguments[0] / self.workers)
            part, gradients = super().differentiate(*arguments)
            return part, [gradient * self.workers for gradient in gradients]

    return NotMultiplied


def scaled_rate(style: Any, tf: Any) -> Any:
    """The rate is multiplied by the workers, though the batch has not grown."""

    class ScaledRate(style.SeveralWorkers):
        def __init__(self, config: Any) -> None:
            super().__init__(dataclasses.replace(config, learning_rate=2 * config.learning_rate))

    return ScaledRate


def overlapping(style: Any, tf: Any) -> Any:
    """Every worker takes the same share."""

    class Overlapping(style.SeveralWorkers):
        def share(self, batch: Any) -> Any:
            return batch[:: self.workers]

    return Overlapping


def in_another_order(rows: int) -> Callable[[Any, Any], Any]:
    """Returns what adds up the same images in another order, so that only roundings differ."""

    def made(style: Any, tf: Any) -> Any:
        class InAnotherOrder(style.SeveralWorkers):
            def share(self, batch: Any) -> Any:
                return np.roll(batch[::-1], rows, axis=0)

        return InAnotherOrder

    return made


def clipped_before(style: Any, tf: Any) -> Any:
    """Each worker clips its own gradients."""

    class ClippedBefore(style.SeveralWorkers):
        def update(self, gradients: Any) -> Any:
            return super().update([tf.clip_by_norm(g, CLIP_NORM) for g in gradients])

    return ClippedBefore


def clipped_after(style: Any, tf: Any) -> Any:
    """The sum of the gradients is clipped; Keras adds up once more, hence the division."""

    class ClippedAfter(style.SeveralWorkers):
        def update(self, gradients: Any) -> Any:
            add_up = tf.distribute.get_replica_context().all_reduce
            sums = [add_up(tf.distribute.ReduceOp.SUM, gradient) for gradient in gradients]
            return super().update([tf.clip_by_norm(g, CLIP_NORM) / self.workers for g in sums])

    return ClippedAfter


def summed_step(style: Any, tf: Any) -> Any:
    """The step counts what all replicas add."""

    class SummedStep(style.SeveralWorkers):
        def create_parameters(self) -> None:
            super().create_parameters()
            total = tf.VariableAggregation.SUM
            self.global_step = tf.Variable(0, dtype=tf.int64, aggregation=total)

        def update(self, gradients: Any) -> None:
            self.optimizer.apply_gradients(zip(gradients, self.parameters.values(), strict=True))
            self.global_step.assign_add(tf.constant(1, tf.int64))

    return SummedStep


TWINS: dict[str, list[Twin]] = {
    "tf1_style": [
        ("whole", {}, whole),
        ("not_multiplied", {}, not_multiplied),
        ("unequal", {"batch_size": UNEQUAL}, whole),
        ("own_mean_unequal", {"batch_size": UNEQUAL}, own_mean),
    ],
    "tf2_style": [
        ("whole", {}, whole),
        ("own_mean", {}, own_mean),
        ("not_multiplied", {}, not_multiplied),
        ("scaled_rate", {}, scaled_rate),
        ("double_rate", {"learning_rate": 1.0}, whole),
        ("overlapping", {}, overlapping),
        ("clipped_before", {}, clipped_before),
        ("clipped_after", {}, clipped_after),
        ("summed_step", {}, summed_step),
        ("unequal", {"batch_size": UNEQUAL}, whole),
    ],
}


def train_twins(clusters: Clusters, twins: list[Twin]) -> int:
    """Trains models one after the other in this process of a cluster, and prints their numbers."""
    import tensorflow as tf2
    import tensorflow.compat.v1 as tf1

    style = importlib.import_module(f"{clusters.style}.several_workers")
    tf = tf1 if clusters.style == "tf1_style" else tf2
    strategy: list[Any] = []
    for name, settings, made in twins:
        config = style.Config(steps=STEPS, **settings)
        model = _with_strategy(made(style, tf), strategy)(config)
        model.start()
        data = clusters.program.task.load(config)
        batches = clusters.program.task.batches(data, config, range(STEPS))
        losses, norms = [], []
        for step in range(STEPS):
            before = {n: np.array(value) for n, value in model.variables().items()}
            losses.append(float(model.train_step(*(array[step] for array in batches))))
            after = model.variables()
            norms.append({n: float(np.linalg.norm(after[n] - before[n])) for n in after})
        found = {
            "losses": losses,
            "bits": fingerprint(after),
            "first_update": norms[0],
            "step": model.step(),
            "weights": after["weights"].astype(float).sum(axis=0).tolist(),
        }
        print(f"twin {json.dumps({'name': name, **found})}", flush=True)
    return 0


def _with_strategy(twin: Any, kept: list[Any]) -> Any:
    """Lets the models of one process share a strategy, of which TensorFlow allows one a process."""

    class Sharing(twin):
        def create_cluster(self) -> None:
            if kept:
                self.__dict__.update(kept[0])
                return
            super().create_cluster()
            if hasattr(self, "strategy"):
                kept.append({k: v for k, v in self.__dict__.items() if k != "config"})

    return Sharing


def _train_in(clusters: Clusters, twins: list[Twin], task: Task) -> int:
    return train_twins(clusters, twins)


def run_twins(clusters: Clusters, twins: list[Twin], workers: int) -> dict[str, list[Any]]:
    """Returns the numbers of each twin by worker.

    TensorFlow 1 style takes a new cluster for each: its variables live on the parameter server.
    """
    groups = [twins] if clusters.style == "tf2_style" else [[twin] for twin in twins]
    found: dict[str, list[Any]] = {}
    for group in groups:
        cluster = on_loopback(clusters.style, workers, 1)
        _collect(clusters.run_work(cluster, partial(_train_in, clusters, group)), found)
    return found


def _collect(outcome: Outcome, found: dict[str, list[Any]]) -> None:
    if outcome.error:
        sys.exit(f"error: {outcome.error}")
    for line in outcome.lines:
        if line.startswith("twin "):
            entry = json.loads(line[5:])
            found.setdefault(entry.pop("name"), []).append(entry)


def alone(clusters: Clusters) -> dict[str, list[Any]]:
    """Returns the numbers of one process without a cluster, with the rows in several orders."""
    orders: list[Twin] = [(f"order_{n}", {}, in_another_order(n)) for n in (0, 11, 23)]
    unequal: Twin = ("alone_unequal", {"batch_size": UNEQUAL}, whole)

    def work(task: Task) -> int:
        del os.environ["TF_CONFIG"]
        return train_twins(clusters, [("alone", {}, whole), unequal, *orders])

    found: dict[str, list[Any]] = {}
    _collect(clusters.run_work(on_loopback("tf2_style", 1, 0), work), found)
    return found


def main() -> None:
    """Prints everything as one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("style")
    parser.add_argument("--twins", default="", help="names, all by default")
    parser.add_argument("--more", type=int, default=0, help="workers of one more cluster")
    arguments = parser.parse_args()
    names = arguments.twins.split(",") if arguments.twins else None
    with tempfile.TemporaryDirectory() as work:
        clusters = Clusters(arguments.style, 2, STEPS, Path(work))
        chosen = [t for t in TWINS[arguments.style] if names is None or t[0] in names]
        found: dict[str, Any] = {**alone(clusters), **run_twins(clusters, chosen, 2)}
        if arguments.more:
            (more,) = run_twins(clusters, TWINS[arguments.style][:1], arguments.more).values()
            found["more"] = more
    print(json.dumps(found))


if __name__ == "__main__":
    main()
