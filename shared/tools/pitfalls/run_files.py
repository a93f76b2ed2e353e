"""Runs files of the catalogue of pitfalls; under TensorFlow 1.15 on Python 3.7 too.

    python -m shared.tools.pitfalls.run_files adam-epsilon/tf1 adam-state/tf1

prints what each of them found, as JSON.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import warnings
from typing import Any

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "catalogue")


def run(name: str, side: str) -> dict[str, Any]:
    """Returns the `results` that a file leaves: by quantity a bool, text, number or list of them.

    Args:
        name: of the pitfall, a folder of the catalogue.
        side: "tf1", "naive" or "fixed", the name of the file.

    Raises:
        Exception: whatever the file raises.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Keras warns of is what some of them show
        results = runpy.run_path(os.path.join(FOLDER, name, side + ".py"))["results"]
    return {quantity: _plain(value) for quantity, value in results.items()}


def _plain(value: Any) -> Any:
    """Returns a text or a bool as it is, and a tensor, variable or number as Python's own."""
    if isinstance(value, (str, bool)):
        return value
    import numpy as np

    return np.asarray(value).tolist()  # a float32 keeps its exact value


def main(files: list[str]) -> None:
    """Writes what each file found, by NAME/SIDE, to standard output."""
    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    json.dump({file: run(*file.split("/")) for file in files}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
