"""Runs snippets of the guide in one process and prints their results as JSON.

    python tests/helpers/run_snippets.py before placeholders metrics

A snippet is a file docs/guide/snippets/NAME/before.py or after.py that leaves `results`, a dict.
Runs on Python 3.7 with TensorFlow 1.15 too.
"""

from __future__ import annotations

import json
import os
import runpy
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SNIPPETS = os.path.join(ROOT, "docs", "guide", "snippets")


def plain(value: object) -> object:
    """A result as JSON can hold it; a float32 keeps its exact value."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (str, bool)):
        return value
    return numpy.asarray(value).tolist()


def run(name: str, side: str) -> dict[str, object]:
    """Returns the results of one snippet; where it raises, the error under "error"."""
    try:
        results = runpy.run_path(os.path.join(SNIPPETS, name, side + ".py"))["results"]
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {quantity: plain(value) for quantity, value in results.items()}


if __name__ == "__main__":
    sys.path.insert(0, ROOT)
    import numpy

    import shared.tensorflow_loading  # noqa: F401  TensorFlow without its chatter

    side, *names = sys.argv[1:]
    print(json.dumps({name: run(name, side) for name in names}))
