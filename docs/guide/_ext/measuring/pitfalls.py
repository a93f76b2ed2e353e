"""Measures every pitfall, under TensorFlow 1.15 too where it is installed; prints JSON."""

from __future__ import annotations

import json
import sys

from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import TF115_PYTHON
from shared.tools.pitfalls import CATALOGUE, report, tf115


def main() -> None:
    """Writes `tensorflow`, the version, and `pitfalls`, a list as `pairs pitfalls --json` has."""
    names = [pitfall.name for pitfall in CATALOGUE]
    before = tf115.measure(names) if TF115_PYTHON.exists() else {}
    load_tensorflow()
    import tensorflow as tf

    found = [
        {**report.as_json(each, each.measure(before.get(each.name))), "only_tf115": each.only_tf115}
        for each in CATALOGUE
    ]
    json.dump({"tensorflow": tf.__version__, "pitfalls": found}, sys.stdout)


if __name__ == "__main__":
    main()
