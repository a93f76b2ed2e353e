"""What TensorFlow 1 names do in a process with legacy Keras.

The package `tf_keras` is Keras 2; with `TF_USE_LEGACY_KERAS=1` TensorFlow uses it in place of Keras
3, and then has again what Keras 3 took away. The switch is for a whole process, which is why this
module runs itself as one: it reads pairs of a name and an example, and prints what they did.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from shared.errors import SuiteError
from shared.tools.child_process import ROOT
from shared.tools.lookup import known_names

SWITCH = "TF_USE_LEGACY_KERAS"
_MISSING = "the package tf_keras is not installed"

Tried = tuple[str, "str | None"]  # a name and its example


def installed() -> str | None:
    """Returns the version of tf_keras; None where it is not installed."""
    try:
        return metadata.version("tf_keras")
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def outcome(name: str, example: str | None, version: str) -> str:
    """Returns `works`, or the error.

    Args:
        name: without `tf.`; it is looked up where there is no example.
        example: a call, run as compat.v1 in a graph.
        version: the installed TensorFlow; if it is the recorded one, so is the outcome.
    """
    if known_names.recorded_versions() == (version, installed() or version):
        found = known_names.recorded(name)
        if found is not None and found.code == "legacy keras":
            return "works"
        if found is None or found.code == "gone":
            return "not there"
    if installed() is None:
        return _MISSING
    return try_all([(name, example)])[0]


def try_all(pairs: Sequence[Tried]) -> list[str]:
    """Tries names in a process with legacy Keras; returns the outcome of each.

    Raises:
        SuiteError: that process failed.
    """
    outcomes: list[str] = _child(json.dumps(pairs))
    return outcomes


def public_names() -> list[str]:
    """Returns the names that `tf.compat.v1` has in a process with legacy Keras.

    Raises:
        SuiteError: that process failed.
    """
    names: list[str] = _child("null")
    return names


def _child(request: str) -> Any:
    process = subprocess.run(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env={**os.environ, SWITCH: "1"},
        input=request,
        capture_output=True,
        text=True,
    )
    if process.returncode != 0:
        last_line = (process.stderr.strip() or "no message").splitlines()[-1]
        raise SuiteError(f"{SWITCH}=1: expected TensorFlow with tf_keras, found: {last_line}")
    return json.loads(process.stdout.splitlines()[-1])


def main() -> int:
    """Tries what standard input names, or lists what is there; run with the switch on."""
    from shared.tensorflow_loading import load_tensorflow
    from shared.tools.lookup.walk import walk

    warnings.simplefilter("ignore")
    load_tensorflow()
    import tensorflow as tf

    request = json.load(sys.stdin)
    if request is None:
        print(json.dumps(sorted(walk(tf.compat.v1, {}))))
    else:
        print(json.dumps([_tried(name, example) for name, example in request]))
    return 0


def _tried(name: str, example: str | None) -> str:
    import tensorflow as tf

    from shared.tools.lookup.states import WORKS, look_up, outcome_of

    _, error = look_up(tf.compat.v1, name)
    if error is None and example is not None:
        return outcome_of(example, tf.compat.v1, tf.Graph)
    return error or WORKS


if __name__ == "__main__":
    sys.exit(main())
