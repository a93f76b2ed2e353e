"""Lists the parameters of functions of the installed TensorFlow, in their order.

    PYTHON -m shared.tools.lookup.parameters reduce_mean nn.conv2d

prints them as JSON, by name. Runs on Python 3.7 under TensorFlow 1.15, and under TensorFlow 2.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterable


def parameters(names: Iterable[str]) -> dict[str, list[str]]:
    """Returns the names of the parameters of each function, itself named without `tf.`."""
    import tensorflow as tf
    from tensorflow.python.util import tf_inspect

    found = {}
    for name in names:
        function = functools.reduce(getattr, name.split("."), tf)
        arguments = tf_inspect.getfullargspec(function)
        found[name] = list(arguments.args) + list(arguments.kwonlyargs)
    return found


if __name__ == "__main__":
    json.dump(parameters(sys.argv[1:]), sys.stdout)
