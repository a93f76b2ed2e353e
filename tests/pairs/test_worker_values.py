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
from numpy_models import NUMPY_MODELS
from shared.models import STYLES
from worker_values import CLASSES, RATE, SIZES, images_and_labels

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


def parameters(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: found[f"before/{name}"].astype(np.float64) for name in ("weights", "biases")}


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


def test_one_update_is_numpys(found: Mapping[str, np.ndarray]) -> None:
    images, labels = (array.astype(np.float64) for array in images_and_labels(6))
    p = parameters(found)
    logits = SOFTMAX.forward(p, images)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = (shares / shares.sum(axis=1, keepdims=True) - labels) / len(images)
    gradients = {"weights": images.T @ error, "biases": error.sum(axis=0)}
    for name, gradient in gradients.items():
        assert distance(found[f"gradient/{name}"], gradient) < BOUND, name
        moved = found[f"after/{name}"] - p[name]
        # The update, and the rounding of the parameter that it is added to.
        allowed = BOUND * RATE * np.abs(gradient).max() + 2.0**-24 * np.abs(p[name])
        assert (np.abs(moved + RATE * gradient) <= allowed).all(), name
    (loss,) = found["losses"]
    assert abs(loss / SOFTMAX.example_losses(p, [images, labels]).mean() - 1) < BOUND
    assert found["step"] == 1
