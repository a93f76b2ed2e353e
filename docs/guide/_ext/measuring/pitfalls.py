"""Measures every pitfall, under TensorFlow 1.15 too where it is installed; prints JSON."""

from __future__ import annotations

import json
import sys

from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import TF115_PYTHON
from shared.tools.pitfalls import report
from shared.tools.pitfalls.measuring import measure
from shared.tools.pitfalls.pitfall import pitfalls


def main() -> None:
    """Writes `tensorflow`, the version, and `pitfalls`, a list as `pairs pitfalls --json` has."""
    catalogue = pitfalls().values()
    readings = measure(catalogue, TF115_PYTHON if TF115_PYTHON.exists() else None)
    load_tensorflow()
    import tensorflow as tf

    found = [
        {**report.as_json(each, readings[each.name]), "only_tf115": each.only_tf115}
        for each in catalogue
    ]
    json.dump({"tensorflow": tf.__version__, "pitfalls": found}, sys.stdout)


if __name__ == "__main__":
    main()
