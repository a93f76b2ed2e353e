"""The two gradient-descent models, and one of Adam's, against the same algorithm in float64 NumPy.

Neither TensorFlow style is the judge here: a mistake that both share would show.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.data.fashion import load_fashion
from shared.data.initial_values import glorot_uniform
from shared.data.regression_points import noisy_line
from shared.models import PAIRS, STYLES

UNIT_ROUNDOFF = 2.0**-24  # of float32, round to nearest


def train(style: str, name: str, inputs: np.ndarray, targets: np.ndarray, **settings: Any) -> Any:
    """Returns the losses of training on stacked batches, and the model."""
    model = PAIRS[name].create(style, **settings)
    return np.asarray(model.train_steps(inputs, targets), np.float64), model


def linear_reference(x: np.ndarray, y: np.ndarray, steps: int) -> tuple[list, float, float]:
    x, y = x.astype(np.float64), y.astype(np.float64)
    weight, bias, losses = 5.0, 0.0, []
    for _ in range(steps):
        error = weight * x + bias - y
        losses.append(np.mean(error**2))
        weight, bias = weight - 0.1 * np.mean(2 * error * x), bias - 0.1 * np.mean(2 * error)
    return losses, weight, bias


def softmax_reference(images: np.ndarray, labels: np.ndarray) -> tuple[list, np.ndarray]:
    weights, biases, losses = np.zeros([784, 10]), np.zeros(10), []
    for x, y in zip(images, labels, strict=True):
        x = x.astype(np.float64)
        logits = x @ weights + biases
        logits -= logits.max(axis=1, keepdims=True)
        log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        losses.append(-(y * log_softmax).sum())
        error = np.exp(log_softmax) - y
        weights, biases = weights - 0.01 * (x.T @ error), biases - 0.01 * error.sum(axis=0)
    return losses, weights


def mlp_reference(images: np.ndarray, labels: np.ndarray) -> list[float]:
    """Returns the losses of 784 to 128 ReLU to 10 with Adam, class numbers for labels."""
    random = np.random.RandomState(0)
    w1 = glorot_uniform([784, 128], random).astype(np.float64)
    w2 = glorot_uniform([128, 10], random).astype(np.float64)
    parameters = [w1, np.zeros(128), w2, np.zeros(10)]
    slots = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    losses = []
    for step, (x, y) in enumerate(zip(images.astype(np.float64), labels, strict=True), start=1):
        w1, b1, w2, b2 = parameters
        hidden = np.maximum(x @ w1 + b1, 0)
        logits = hidden @ w2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        log_softmax = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        losses.append(-log_softmax[np.arange(len(y)), y].mean())
        of_logits = (np.exp(log_softmax) - np.eye(10)[y]) / len(y)
        of_hidden = of_logits @ w2.T * (hidden > 0)
        gradients = [x.T @ of_hidden, of_hidden.sum(0), hidden.T @ of_logits, of_logits.sum(0)]
        for parameter, gradient, (m, v) in zip(parameters, gradients, slots, strict=True):
            m += 0.1 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            rate = 0.001 * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
            parameter -= rate * m / (v**0.5 + 1e-8)
    return losses


@pytest.mark.parametrize("style", STYLES)
def test_linear_regression(style: str) -> None:
    steps = 10
    line = noisy_line(seed=0)
    inputs = np.broadcast_to(line.inputs, [steps, 1000])
    targets = np.broadcast_to(line.targets, [steps, 1000])
    losses, model = train(style, "linear_regression", inputs, targets)
    expected, weight, bias = linear_reference(line.inputs, line.targets, steps)
    # A step rounds each of its about 8 operations once; adding up 1,000 terms in blocks rounds
    # each term at most log2(1000) = 10 times more. Gradient descent contracts: errors of earlier
    # steps shrink, so they add up to no more than a few times one step's.
    bound = 4 * (8 + 10) * UNIT_ROUNDOFF
    np.testing.assert_allclose(losses, expected, rtol=bound)
    variables = model.variables()
    np.testing.assert_allclose(variables["weight"], weight, rtol=bound)
    np.testing.assert_allclose(variables["bias"], bias, rtol=bound)


@pytest.mark.parametrize("style", STYLES)
def test_softmax_regression(style: str) -> None:
    digits = load_digits()
    rows = batch_rows(len(digits.train_images), 50, range(1000), seed=0)
    images, labels = digits.train_images[rows], digits.train_labels[rows]
    losses, model = train(style, "softmax_regression", images, labels)
    expected, weights = softmax_reference(images, labels)
    # Each step rounds every weight once, relative to the weight, and its gradient, a sum of 50
    # terms; 1,000 independent roundings add up like the square root of their number.
    bound = 1000**0.5 * (1 + 50**0.5) * UNIT_ROUNDOFF
    difference = np.linalg.norm(model.variables()["weights"] - weights) / np.linalg.norm(weights)
    assert difference < bound
    # The loss inherits the weights' error and adds its own sum of 50 cross-entropies.
    np.testing.assert_allclose(losses, expected, rtol=10 * bound)


def mlp_batches(steps: int) -> tuple[np.ndarray, np.ndarray]:
    clothes = load_fashion()
    rows = batch_rows(len(clothes.train_images), 32, range(steps), seed=0)
    return clothes.train_images[rows], clothes.train_labels[rows]


@pytest.fixture(scope="module")
def mlp_expected() -> list[float]:
    return mlp_reference(*mlp_batches(100))


# A logit is a sum of 128 products of sums of 784; 100 updates round as often, at random. Adam's
# 1 - float32(0.999) is 1.3e-5 off and makes each update 6.4e-6 smaller, which over 100 steps moves
# the loss by less than that share of the loss.
MLP_BOUND = 100**0.5 * (1 + 784**0.5) * UNIT_ROUNDOFF + 6.4e-6


@pytest.mark.parametrize("style", STYLES)
def test_mlp(style: str, mlp_expected: list[float]) -> None:
    losses, _ = train(style, "mlp", *mlp_batches(100))
    np.testing.assert_allclose(losses, mlp_expected, rtol=MLP_BOUND)


def test_an_mlp_trained_slightly_faster_is_caught(mlp_expected: list[float]) -> None:
    losses, _ = train("tf2_style", "mlp", *mlp_batches(100), learning_rate=0.00101)
    assert np.abs(losses / mlp_expected - 1).max() > 10 * MLP_BOUND


def test_a_wrong_learning_rate_is_caught() -> None:
    line = noisy_line(seed=0)
    inputs, targets = line.inputs[np.newaxis], line.targets[np.newaxis]
    _, model = train("tf2_style", "linear_regression", inputs, targets, learning_rate=0.1001)
    _, weight, _ = linear_reference(line.inputs, line.targets, 1)
    assert abs(model.variables()["weight"] / weight - 1) > 4 * 18 * UNIT_ROUNDOFF
