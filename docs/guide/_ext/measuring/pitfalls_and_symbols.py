"""Measures every pitfall and tries every symbol, in one process; prints JSON.

TensorFlow is loaded once for both. TensorFlow 1.15, where it is installed, and legacy Keras run
beside this process.
"""

from __future__ import annotations

import json
import sys

from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import TF115_PYTHON
from shared.tools.lookup.page import symbol_index_page
from shared.tools.pitfalls import report
from shared.tools.pitfalls.measuring import measure
from shared.tools.pitfalls.pitfall import pitfalls


def main() -> None:
    """Writes what was found to standard output.

    It is `tensorflow`, the version; `pitfalls`, a list as `pairs pitfalls --json` has; and
    `symbols`, the index of symbols as Markdown, each with the state that trying it gave.
    """
    catalogue = pitfalls().values()
    readings = measure(catalogue, TF115_PYTHON if TF115_PYTHON.exists() else None)
    load_tensorflow()
    import tensorflow as tf

    found = [
        {**report.as_json(each, readings[each.name]), "only_tf115": each.only_tf115}
        for each in catalogue
    ]
    json.dump(
        {"tensorflow": tf.__version__, "pitfalls": found, "symbols": symbol_index_page()},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
