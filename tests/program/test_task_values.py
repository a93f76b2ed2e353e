"""What `evaluate` and `predict` tell of each task, held by numbers that need no TensorFlow."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shared.data.digits import load_digits
from shared.data.fashion import class_names, load_fashion
from shared.data.generated_images import noise_of_steps
from shared.data.ratings import load_ratings
from shared.data.regression_points import exact_line, noisy_line
from shared.program import tasks
from shared.program.batches import arrays_of


def knowing(answers: dict[bytes, Any]) -> Any:
    """Returns a model that predicts an answer for exactly these inputs."""
    return SimpleNamespace(predict=lambda *inputs: answers[b"".join(a.tobytes() for a in inputs)])


@pytest.mark.parametrize(
    ("task", "load", "named"),
    [(tasks.DIGITS, load_digits, list), (tasks.CLOTHES, load_fashion, class_names)],
    ids=["digits", "clothes"],
)
def test_predictions_of_images_stand_beside_the_truth(task: Any, load: Any, named: Any) -> None:
    data = load()
    predicted = (np.arange(10) * 3 + 1) % 10
    # The right column is neither the first nor the last, and no row of it is the smallest.
    model = knowing({data.test_images[:10].tobytes(): np.eye(10, dtype=np.float32)[predicted]})
    truth = data.test_labels[:10]
    truth = truth if truth.ndim == 1 else truth.argmax(axis=1)
    table = task.table(model, data)
    assert list(table["prediction"]) == list(named(predicted))
    assert list(table["truth"]) == list(named(truth))
    assert list(table["image"]) == list(range(10))


def test_images_are_measured_on_the_whole_test_set() -> None:
    data = load_digits()
    seen: dict[str, Any] = {}
    model = SimpleNamespace(evaluate=lambda *given: seen.update(given=given) or {"loss": 1.0})
    assert tasks.DIGITS.metrics(model, data) == {"loss": 1.0}
    images, labels = seen["given"]
    assert images is data.test_images and labels is data.test_labels


def test_generated_images_are_measured_by_the_nearest_digits() -> None:
    task, data = tasks.GENERATED_DIGITS, load_digits()
    noise = noise_of_steps(len(data.test_images), range(1), 1)[0]  # seed 1, whatever the training's
    # Nearly images of the training set, of four digits, each as far off as no other is.
    rows = np.flatnonzero(data.train_labels.argmax(axis=1) < 4)[:100]
    off = np.linspace(0.05, 0.15, 100, dtype=np.float32)[np.random.RandomState(0).permutation(100)]
    made = data.train_images[rows] + off[:, np.newaxis]
    model = knowing({noise[:100].tobytes(): made, noise[:10].tobytes(): made[:10]})
    model.measure = lambda *given: (
        2.5,
        7 if np.array_equal(given[0], noise) and given[1] is data.test_images else -1,
    )
    found = task.metrics(model, data)
    assert found == {
        "loss": 2.5,
        "accuracy": 7 / len(data.test_images),
        "distance": pytest.approx(off.mean(), rel=1e-6),  # float32's precision
        "digits": 4,
    }
    table = task.table(model, data)
    assert table["nearest digit"] == data.train_labels[rows[:10]].argmax(axis=1).tolist()
    assert np.allclose(table["distance"], off[:10], rtol=0, atol=6e-5)  # four digits
    assert list(table["generated image"]) == list(range(10))


def test_generated_images_train_on_noise_and_images_of_the_steps() -> None:
    task, data = tasks.GENERATED_DIGITS, load_digits()
    config = SimpleNamespace(batch_size=6, seed=3)
    noise, images = task.batches(data, config, range(4, 7))
    assert np.array_equal(noise, noise_of_steps(6, range(4, 7), 3))
    plain, _ = arrays_of(tasks.DIGITS.batches(data, config, range(4, 7)))
    assert np.array_equal(images, plain)


@pytest.mark.parametrize(
    ("task", "load"), [(tasks.NOISY_LINE, noisy_line), (tasks.EXACT_LINE, exact_line)]
)
def test_predictions_of_a_line_stand_beside_the_line(task: Any, load: Any) -> None:
    data = load(0)
    model = SimpleNamespace(predict=lambda x: x * np.float32(0.5) - np.float32(0.25))
    table = task.table(model, data)
    x = np.asarray(table["x"])
    assert np.array_equal(table["prediction"], np.round(x * 0.5 - 0.25, 4))
    weight, bias = {"noisy_line": (3, 2), "exact_line": (2, 1)}[load.__name__]
    assert np.allclose(table["true line"], weight * x + bias, atol=5e-5)  # four digits
    assert len(x) in (9, 20) and (x[1:] > x[:-1]).all()


def test_a_line_is_measured_on_all_points_and_beside_least_squares() -> None:
    data = noisy_line(5)
    model = SimpleNamespace(
        evaluate=lambda x, y: {"loss": float(np.mean((x - y) ** 2))},
        variables=lambda: {"weight": 7.0},
    )
    found = tasks.NOISY_LINE.metrics(model, data)
    slope = np.cov(data.inputs, data.targets, bias=True)[0, 1] / np.var(data.inputs)
    offset = data.targets.mean() - slope * data.inputs.mean()
    assert found["loss"] == pytest.approx(np.mean((data.inputs - data.targets) ** 2), rel=1e-6)
    assert found["weight"] == 7.0
    # Another way to the same numbers: roundings of float32 sums over 1,000 points.
    assert found["least_squares_weight"] == pytest.approx(slope, rel=1e-5)
    assert found["least_squares_bias"] == pytest.approx(offset, rel=1e-5)


def test_only_a_line_that_predicts_nothing_but_0_is_dead() -> None:
    data = exact_line(0)
    nearly = np.zeros(len(data.inputs), np.float32)
    nearly[17] = 1e-9
    model = SimpleNamespace(predict=lambda x: nearly, variables=lambda: {"weight": -1, "bias": 0})
    assert tasks.EXACT_LINE.warning(model, data) is None
    nearly[17] = 0
    assert "weight -1 and bias 0 predict 0" in str(tasks.EXACT_LINE.warning(model, data))


def test_ratings_stand_beside_what_is_predicted() -> None:
    data = load_ratings(0)
    predicted = np.linspace(1.004, 4.996, 10).astype(np.float32)
    users, items = data.test_users[:10], data.test_items[:10]
    model = knowing({users.tobytes() + items.tobytes(): predicted})
    assert tasks.RATINGS.table(model, data) == {
        "user": users.tolist(),
        "item": items.tolist(),
        "prediction": np.round(predicted.astype(np.float64), 2).tolist(),
        "truth": data.test_ratings[:10].tolist(),
    }
