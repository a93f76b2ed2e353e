"""Prints the defaults of functions and classes of the installed TensorFlow, as JSON.

    PYTHON argument_defaults.py < NAMES

reads a JSON list of names without `tf.`; prints, by name, the default of each parameter in their
order: a number, text, bool or None, and `<none>` where it has none or an object. Names that are
missing or that Python cannot ask are left out. Runs on Python 3.7.
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Iterable
from typing import Any


def argument_defaults(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Returns by name the default of each parameter, `<none>` where JSON cannot write one."""
    import tensorflow as tf

    found = {}
    for name in names:
        try:
            function = functools.reduce(getattr, name.split("."), tf)
            parameters = inspect.signature(function).parameters.values()
        except Exception:  # missing, or written in C++
            continue
        found[name] = {
            each.name: each.default
            if each.default is None or isinstance(each.default, (bool, int, float, str))
            else "<none>"
            for each in parameters
        }
    return found


if __name__ == "__main__":
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    print(json.dumps(argument_defaults(json.load(sys.stdin))))
