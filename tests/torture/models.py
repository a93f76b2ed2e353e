"""A small model with optimizer slots, saved several times, and what it was at each save."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import saved
from shared.models import PAIRS

STYLES = ("tf1_style", "tf2_style")
SAVES = 3  # of a prepared folder


def fresh(style: str) -> Any:
    """Returns an untrained model: two numbers, Adam's slots, the step."""
    return PAIRS["relu_regression"].create(style)


def train(model: Any) -> None:
    """Makes one update; another one at every step."""
    inputs = np.linspace(0, 1, 5, dtype=np.float32) + np.float32(model.step())
    model.train_step(inputs, 2 * inputs + 1)


def fingerprint(model: Any) -> str:
    """Returns a checksum of all that training goes on from."""
    arrays = dict(model.variables(), step=model.step(), **model.slots())
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + np.asarray(arrays[name]).tobytes())
    return digest.hexdigest()


def prepare(style: str, folder: Path, saves: int = SAVES) -> list[str]:
    """Saves a model after each of its first updates; returns its fingerprints."""
    model, fingerprints = fresh(style), []
    for _ in range(saves):
        train(model)
        saved.save(model, folder)
        fingerprints.append(fingerprint(model))
    return fingerprints


Restore = Callable[[Any, str, Callable[[str], None]], Any]


def restore(model: Any, folder: str, warn: Callable[[str], None]) -> Any:
    """Restores as the style file does."""
    return saved.restore(model, folder, warn)
