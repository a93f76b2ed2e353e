"""What a model is trained on: its examples, and what is told of it beside its loss."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

import numpy as np

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.data.fashion import class_names, load_fashion
from shared.data.generated_images import nearest, noise_of_steps
from shared.data.ratings import Ratings, load_ratings
from shared.data.regression_points import exact_line, least_squares, noisy_line
from shared.program.batches import Arrays, Batch


class Task:
    """Examples to train on and to measure with, each a tuple of arrays with one row an example.

    A task whose batches are no rows of arrays, or arrays by name, gives `batches` and `metrics`
    itself instead of `training` and `test`.
    """

    measured = "mean over the test set"  # the loss among the metrics

    def load(self, config: Any) -> Any:
        """Returns the data that the settings name."""
        raise NotImplementedError

    def training(self, data: Any) -> Arrays:
        """Returns what is trained on: inputs and targets."""
        raise NotImplementedError

    def test(self, data: Any) -> Arrays:
        """Returns what is measured with: inputs and targets."""
        raise NotImplementedError

    def batches(self, data: Any, config: Any, steps: range) -> Batch:
        """Returns the stacked batches [steps, batch, ...] of a range of steps.

        They depend on the settings and on the steps alone, so that a resumed run sees the same.
        """
        rows = self.rows(data, config, steps)
        return tuple(array[rows] for array in self.training(data))

    def rows(self, data: Any, config: Any, steps: range) -> np.ndarray:
        """Returns which examples each step trains on, int64 [steps, batch]."""
        return batch_rows(len(self.training(data)[0]), config.batch_size, steps, config.seed)

    def metrics(self, model: Any, data: Any) -> Mapping[str, float]:
        """Returns the metrics of a model by name."""
        found: Mapping[str, float] = model.evaluate(*self.test(data))
        return found

    def watched(self, model: Any) -> Mapping[str, float]:
        """Returns the numbers that a progress report shows beside the loss."""
        return {}

    def warning(self, model: Any, data: Any) -> str | None:
        """Returns what is wrong with a model before training, if anything is."""
        return None

    def table(self, model: Any, data: Any) -> Mapping[str, Sequence]:
        """Returns a few predictions beside the truth, as columns by title."""
        raise NotImplementedError


class ImageTask(Task):
    """Images [n, 784] and their classes."""

    def __init__(
        self, load: Callable[[str], Any], class_names: Callable[[np.ndarray], Sequence]
    ) -> None:
        """Takes what loads the images of a source, and what names classes [n]."""
        self._load, self._class_names = load, class_names

    def load(self, config: Any) -> Any:
        """Returns the images of `config.data`."""
        return self._load(config.data)

    def training(self, data: Any) -> Arrays:
        """Returns images [n, 784] and labels, one-hot [n, 10] or classes [n]."""
        return data.train_images, data.train_labels

    def test(self, data: Any) -> Arrays:
        """Returns images [m, 784] and labels, one-hot [m, 10] or classes [m]."""
        return data.test_images, data.test_labels

    def table(self, model: Any, data: Any) -> Mapping[str, Sequence]:
        """Returns what a model sees in the first ten test images."""
        images, labels = data.test_images[:10], data.test_labels[:10]
        truth = labels.argmax(axis=1) if labels.ndim == 2 else labels
        predicted = np.argmax(model.predict(images), axis=1)
        return {
            "image": range(len(images)),
            "prediction": self._class_names(predicted),
            "truth": self._class_names(truth),
        }


class GeneratedImages(ImageTask):
    """Noise [n, 32] that images are generated from, and real images [n, 784] beside it."""

    measured = "sum of both networks' over the test set"
    _TEST_NOISE = 1  # the seed, whatever the training's

    def batches(self, data: Any, config: Any, steps: range) -> Arrays:
        """Returns noise [steps, batch, 32] and images [steps, batch, 784]."""
        images = data.train_images
        rows = batch_rows(len(images), config.batch_size, steps, config.seed)
        return noise_of_steps(config.batch_size, steps, config.seed), images[rows]

    def test(self, data: Any) -> Arrays:
        """Returns noise [m, 32] and test images [m, 784]."""
        images = data.test_images
        return noise_of_steps(len(images), range(1), self._TEST_NOISE)[0], images

    def metrics(self, model: Any, data: Any) -> Mapping[str, float]:
        """Returns loss, accuracy, and what the first 100 generated images are like.

        The accuracy is the share of pairs, a real and a generated image, of which both are told
        right. `distance` is the mean root mean square of the pixels between a generated image and
        the nearest training image, `digits` how many of the ten digits these nearest show.
        """
        noise, images = self.test(data)
        loss, correct = (float(number) for number in model.measure(noise, images))
        rows, distances = nearest(np.asarray(model.predict(noise[:100])), data.train_images)
        return {
            "loss": loss,
            "accuracy": correct / len(images),
            "distance": float(distances.mean()),
            "digits": len(np.unique(data.train_labels[rows].argmax(axis=1))),
        }

    def table(self, model: Any, data: Any) -> Mapping[str, Sequence]:
        """Returns what ten generated images look like."""
        generated = np.asarray(model.predict(self.test(data)[0][:10]))
        rows, distances = nearest(generated, data.train_images)
        return {
            "generated image": range(len(rows)),
            "nearest digit": data.train_labels[rows].argmax(axis=1).tolist(),
            "distance": np.round(distances, 4),
        }


class LineTask(Task):
    """Points x [n] and y [n] near a line."""

    measured = "mean over all points"

    def __init__(self, load: Callable[[int], Any], shown: np.ndarray) -> None:
        """Takes what draws the points from a seed, and the x that `predict` shows."""
        self._load, self._shown = load, shown

    def load(self, config: Any) -> Any:
        """Returns the points of `config.seed`."""
        return self._load(config.seed)

    def training(self, data: Any) -> Arrays:
        """Returns x [n] and y [n]."""
        return data.inputs, data.targets

    def test(self, data: Any) -> Arrays:
        """Returns the same points: a line is measured on what it was fitted to."""
        return self.training(data)

    def watched(self, model: Any) -> Mapping[str, float]:
        """Returns weight and bias."""
        values: Mapping[str, float] = model.variables()
        return values

    def table(self, model: Any, data: Any) -> Mapping[str, Sequence]:
        """Returns predictions beside the line that the points were made from."""
        return {
            "x": self._shown,
            "prediction": np.round(np.asarray(model.predict(self._shown)), 4),
            "true line": np.round(data.true_weight * self._shown + data.true_bias, 4),
        }


class ReluLine(LineTask):
    """A line through a ReLU, which may be dead from the start."""

    def warning(self, model: Any, data: Any) -> str | None:
        """Returns a warning if every prediction is 0: then no gradient passes the ReLU."""
        if np.any(model.predict(data.inputs)):
            return None
        return (
            "dead ReLU: weight {weight:g} and bias {bias:g} predict 0 for every point, so no "
            "gradient reaches either and nothing will be learned; start from a positive "
            "--initial-weight"
        ).format(**model.variables())


class NoisyLine(LineTask):
    """A step is an epoch, all points at once; least squares says where gradient descent ends."""

    def batches(self, data: Any, config: Any, steps: range) -> Arrays:
        """Returns all points [steps, n], again for every step."""
        return tuple(np.broadcast_to(a, (len(steps), len(a))) for a in self.training(data))

    def metrics(self, model: Any, data: Any) -> Mapping[str, float]:
        """Returns the loss, and weight and bias beside those of least squares."""
        weight, bias = least_squares(data)
        found = {**model.evaluate(*self.test(data)), **model.variables()}
        return {**found, "least_squares_weight": weight, "least_squares_bias": bias}


class RatingTask(Task):
    """Users [n], items [n] and how many stars each user gave the item [n]."""

    def load(self, config: Any) -> Ratings:
        """Returns the ratings of `config.seed`."""
        return load_ratings(config.seed)

    def training(self, data: Ratings) -> Arrays:
        """Returns users, items and ratings, each [n]."""
        return data.train_users, data.train_items, data.train_ratings

    def test(self, data: Ratings) -> Arrays:
        """Returns users, items and ratings, each [m], of pairs that are not trained on."""
        return data.test_users, data.test_items, data.test_ratings

    def table(self, model: Any, data: Ratings) -> Mapping[str, Sequence]:
        """Returns the first ten test ratings beside what a model predicts."""
        users, items, ratings = (array[:10] for array in self.test(data))
        predicted = np.asarray(model.predict(users, items), np.float64)
        return {
            "user": users.tolist(),
            "item": items.tolist(),
            "prediction": np.round(predicted, 2).tolist(),
            "truth": ratings.tolist(),
        }


DIGITS = ImageTask(load_digits, list)
GENERATED_DIGITS = GeneratedImages(load_digits, list)
CLOTHES = ImageTask(load_fashion, class_names)
NOISY_LINE = NoisyLine(noisy_line, np.arange(-4, 5, dtype=np.float32) / 2)
EXACT_LINE = ReluLine(exact_line, np.arange(20, dtype=np.float32) / 10)
RATINGS = RatingTask()
