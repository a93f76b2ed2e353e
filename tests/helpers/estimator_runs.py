"""Trains with estimators and measures what they do beside; a child of TensorFlow 1.15 runs it.

    python -m estimator_runs FOLDER

writes FOLDER/found.json, and the folders of all runs beside it. Python 3.7.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tf1_style import estimator as pair
from tf1_style.estimator import tf


def as_json(value: Any) -> Any:
    """Floats keep all of their bits: JSON holds what `repr` writes of a double."""
    return float(value) if hasattr(value, "dtype") else str(value)


class EvaluateInBetween(tf.train.SessionRunHook):
    """Evaluates after 30 steps, when the newest checkpoint is of step 20."""

    def __init__(self, folder: str) -> None:
        self.folder, self.runs, self.step = folder, 0, -1

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.runs += 1
        if self.runs == 30:
            self.step = int(pair.evaluate(self.folder)["global_step"])


def with_defaults(folder: str, last_step: int) -> dict[str, Any]:
    """Evaluates as EvalSpec does when nothing is said, 200 batches of 10 test images."""
    pair.TEST_BATCH = 10
    between = EvaluateInBetween(folder)
    estimator = pair.resumed(folder)
    train = tf.estimator.TrainSpec(pair.train_input, max_steps=last_step, hooks=[between])
    tf.estimator.train_and_evaluate(estimator, train, tf.estimator.EvalSpec(pair.test_input))
    pair.TEST_BATCH = 300
    return {"evaluations": pair.evaluations(folder), "evaluated in between": between.step}


def shuffled(epochs: int | None = None) -> list[int]:
    """Returns the order of 23 numbers that `dataset.shuffle` draws from the seeds 1 and 7."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        dataset = tf.data.Dataset.range(23).shuffle(23, seed=7)
        dataset = (dataset.repeat(epochs) if epochs else dataset).batch(23)
        order = session.run(tf.data.make_one_shot_iterator(dataset).get_next())
    return [int(number) for number in order]


def main(folder: str) -> None:
    """Runs all of it."""
    found: dict[str, Any] = {"shuffled": shuffled(), "and repeated": shuffled(2)}
    for train, last_step in pair.SECTIONS:
        name = train.__name__
        found[f"{name} {last_step}"] = train(os.path.join(folder, name), last_step)
    estimator_folder = os.path.join(folder, "train_and_evaluate")
    found["nothing to do"] = pair.train_and_evaluate(estimator_folder, 90)
    found["exported"] = pair.export(estimator_folder, os.path.join(folder, "exported"))
    found["defaults"] = with_defaults(os.path.join(folder, "defaults"), 60)
    with open(os.path.join(folder, "found.json"), "w", encoding="utf-8") as file:
        json.dump(found, file, default=as_json)


if __name__ == "__main__":
    main(sys.argv[1])
