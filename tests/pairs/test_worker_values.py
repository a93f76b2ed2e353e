"""The pairs of several workers, each alone in its process, held by NumPy in float64.

Clusters are compared with one worker; what that one computes is judged here, in either style.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from clusters import run_module
from numpy_models import NUMPY_MODELS, of_logits
from shared.models import STYLES
from worker_values import CLASSES, LATER_RATE, RATE, SIZES, images_and_labels

SOFTMAX = NUMPY_MODELS["softmax_regression"]
# A rounding for each of the 784 terms of a logit, at random, with a margin of eight.
BOUND = 8 * 784**0.5 * 2.0**-24


@functools.cache
def numbers_of(style: str) -> dict[str, dict[str, np.ndarray]]:
    """Returns the numbers of both pairs, by pair and name."""
    with tempfile.TemporaryDirectory() as folder:
        run_module("worker_values", style, folder)
        return {pair: dict(np.load(Path(folder, pair + ".npz"))) for pair in CLASSES}


@pytest.fixture(params=[f"{style}-{pair}" for style in STYLES for pair in CLASSES])
def found(request: pytest.FixtureRequest) -> Mapping[str, np.ndarray]:
    style, pair = request.param.split("-")
    return numbers_of(style)[pair]


def parameters(found: Mapping[str, np.ndarray], when: str = "before") -> dict[str, np.ndarray]:
    return {name: found[f"{when}/{name}"].astype(np.float64) for name in ("weights", "biases")}


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


def test_predictions_are_numpys(found: Mapping[str, np.ndarray]) -> None:
    images = images_and_labels(7)[0].astype(np.float64)
    assert distance(found["predict"], SOFTMAX.forward(parameters(found), images)) < BOUND


@pytest.mark.parametrize("size", SIZES)
def test_metrics_are_numpys(size: int, found: Mapping[str, np.ndarray]) -> None:
    images, labels = (array.astype(np.float64) for array in images_and_labels(size))
    p = parameters(found)
    expected = SOFTMAX.example_losses(p, [images, labels]).mean()
    assert abs(found[f"evaluate/{size}/loss"] / expected - 1) < BOUND
    assert SOFTMAX.correct is not None
    right = SOFTMAX.correct(SOFTMAX.forward(p, images), labels).mean()
    assert found[f"evaluate/{size}/accuracy"] == right


def numpy_gradients(
    p: Mapping[str, np.ndarray], images: np.ndarray, labels: np.ndarray
) -> dict[str, np.ndarray]:
    error = of_logits(SOFTMAX.forward(p, images), labels)
    return {"weights": images.T @ error, "biases": error.sum(axis=0)}


def update_is_right(
    p: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    gradients: Mapping[str, np.ndarray],
    rate: float,
) -> None:
    """Asserts that the parameters moved by the gradients times a rate."""
    for name, gradient in gradients.items():
        # The update, and the rounding of the parameter that it is added to.
        allowed = BOUND * rate * np.abs(gradient).max() + 2.0**-24 * np.abs(p[name])
        assert (np.abs(after[name] - p[name] + rate * gradient) <= allowed).all(), name


def test_one_update_is_numpys(found: Mapping[str, np.ndarray]) -> None:
    images, labels = (array.astype(np.float64) for array in images_and_labels(6))
    p = parameters(found)
    gradients = numpy_gradients(p, images, labels)
    for name, gradient in gradients.items():
        assert distance(found[f"gradient/{name}"], gradient) < BOUND, name
    update_is_right(p, parameters(found, "after"), gradients, RATE)
    (loss,) = found["losses"]
    assert abs(loss / SOFTMAX.example_losses(p, [images, labels]).mean() - 1) < BOUND
    assert found["step"] == 1


def test_a_resumed_run_goes_on_with_its_own_rate(found: Mapping[str, np.ndarray]) -> None:
    images, labels = (array.astype(np.float64) for array in images_and_labels(6))
    p = parameters(found, "restored")
    for name, value in parameters(found, "after").items():
        assert np.array_equal(p[name], value), name
    gradients = numpy_gradients(p, images, labels)
    update_is_right(p, parameters(found, "resumed"), gradients, LATER_RATE)
    assert found["resumed step"] == 2
