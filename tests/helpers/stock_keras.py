"""TensorFlow 2.21 as it is before `shared.legacy_keras` brings `tf.layers` and RNN cells back.

A pair that needs them loads legacy Keras for its whole process, and tests of pairs and of look-ups
may share one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import tensorflow as tf

MODULES = {"layers": "layers", "nn.rnn_cell": "rnn_cell"}


@pytest.fixture(autouse=True)
def stock_keras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts modules in the place of both that have not been used, and takes them away again."""
    from tensorflow.python.util.lazy_loader import KerasLazyLoader

    monkeypatch.delenv("TF_USE_LEGACY_KERAS", raising=False)
    for name, submodule in MODULES.items():
        parent: Any = tf.compat.v1
        *path, last = name.split(".")
        for part in path:
            parent = getattr(parent, part)
        loader = KerasLazyLoader(
            {}, submodule=f"__internal__.legacy.{submodule}", name=last, mode="v1"
        )
        monkeypatch.setattr(parent, last, loader)
    assert "TF_USE_LEGACY_KERAS" not in os.environ
    yield
