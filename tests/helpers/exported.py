"""Loads SavedModels in either style, in the plainest way, and calls them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def loaded_by_tf1(folder: str) -> Iterator[Any]:
    """Yields a function from inputs by name to outputs, run by a Session."""
    import tensorflow as tf

    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        signatures = tf1.saved_model.load(session, ["serve"], folder).signature_def
        fed = signatures["serving_default"].inputs
        (fetched,) = signatures["serving_default"].outputs.values()
        yield lambda **inputs: session.run(
            fetched.name, {fed[name].name: array for name, array in inputs.items()}
        )


@contextmanager
def loaded_by_tf2(folder: str) -> Iterator[Any]:
    """Yields a function from inputs by name to outputs, the signature's own."""
    import tensorflow as tf

    loaded = tf.saved_model.load(folder)
    function = loaded.signatures["serving_default"]

    def predict(**inputs: Any) -> np.ndarray:
        constants = {name: tf.constant(array) for name, array in inputs.items()}
        (output,) = function(**constants).values()
        return output.numpy()

    yield predict


def main(folder: str) -> None:
    """Trains every pair for a few updates in TensorFlow 1.15; saves, exports and predicts."""
    from checkpoint_pairs import fresh, named_inputs, train, write
    from saved import save
    from shared.models import PAIRS

    for name in PAIRS:
        model = fresh("tf1_style", name)
        train(model, name, stretch=0)
        save(model, os.path.join(folder, name, "checkpoint"))
        model.export(os.path.join(folder, name, "export"))
        outputs = model.predict(**named_inputs(name, 20))
        write(os.path.join(folder, name, "predicted.npz"), {"outputs": outputs})


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    main(*sys.argv[1:])
