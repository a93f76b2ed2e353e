"""Runs the code of answers and prints what it computes: the old call under 1.15, the new under 2.

    PYTHON -m shared.tools.lookup.run_answers < CODES

reads a JSON list of pieces of code, each with a name and a seed, and prints their results, or the
errors. All run in one process, each in a graph and a Session of its own under 1.15, in eager mode
under TensorFlow 2. Runs on Python 3.7.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import sys
import tempfile
import warnings
from typing import Any, Dict

import numpy as np

Names = Dict[str, Any]


def inputs(seed: int) -> Names:
    """Returns what code finds defined, the same in both styles; floats lie in -1 to 1.

    x, y      float32 [3, 4]
    positive  float32 [3, 4], 0.1 to 1
    vector    float32 [4]
    matrix    float32 [4, 4], well conditioned and symmetric
    images    float32 [2, 6, 6, 3]
    sequence  float32 [2, 5, 3]: 2 sequences of 5 steps, the second of which ends after 3
    lengths   int32 [2]: 5, 3
    kernel    float32 [3, 3, 3, 4]
    labels    int32 [3], 0 to 3
    one_hot   float32 [3, 4], of labels
    random    a function of the shape: float32, new numbers each time

    TensorFlow 1 code has `session` too, and `load(VALUE, ...)`, which sets the variables.
    """
    state = np.random.RandomState(seed)

    def random(*shape: int) -> Any:
        return state.uniform(-1, 1, shape).astype(np.float32)

    matrix = random(4, 4)
    labels = state.randint(0, 4, [3]).astype(np.int32)
    return {
        "x": random(3, 4),
        "y": random(3, 4),
        "positive": np.abs(random(3, 4)) * np.float32(0.9) + np.float32(0.1),
        "vector": random(4),
        "matrix": matrix + matrix.T + 4 * np.eye(4, dtype=np.float32),
        "images": random(2, 6, 6, 3),
        "sequence": random(2, 5, 3),
        "lengths": np.array([5, 3], np.int32),
        "kernel": random(3, 3, 3, 4),
        "labels": labels,
        "one_hot": np.eye(4, dtype=np.float32)[labels],
        "random": random,
    }


def run(code: str, names: Names) -> Any:
    """Runs code; returns the value of its last line, which must be an expression."""
    *lines, last = ast.parse(code).body
    if not isinstance(last, ast.Expr):
        raise ValueError("its last line is no expression")
    module = ast.parse("")
    module.body = lines
    exec(compile(module, "<answer>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<answer>", "eval"), names)


def computed(code: str, seed: int) -> Any:
    """Returns what code computes, as JSON can hold it.

    Under TensorFlow 1 its last line is fetched from a Session, after all initializers.
    """
    import tensorflow as tf

    names = dict(inputs(seed), tf=tf, np=np)
    if not tf.__version__.startswith("1."):
        tf.random.set_seed(seed)
        return plain(run(code, names))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(seed)
        loaded: list[Any] = []

        def load(*values: Any) -> None:
            """Gives the variables these values, in the order in which they were made."""
            initialize(session)
            for variable, value in zip(tf.global_variables(), values):
                variable.load(value, session)
            loaded.extend(values)

        names.update(session=session, load=load)
        found = run(code, names)
        if not loaded:
            initialize(session)
        return plain(fetched(found, session))


def initialize(session: Any) -> None:
    """Runs what a TensorFlow 1 program runs before its first step."""
    import tensorflow as tf

    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    session.run(tf.tables_initializer())


def fetched(found: Any, session: Any) -> Any:
    """Returns a result with the values of its tensors in their place."""
    if isinstance(found, dict):
        return {key: fetched(each, session) for key, each in found.items()}
    if isinstance(found, (list, tuple)):
        return [fetched(each, session) for each in found]
    return session.run(found) if hasattr(found, "graph") else found


def plain(found: Any) -> Any:
    """Returns a result as lists, numbers and texts."""
    if isinstance(found, dict):
        return {str(key): plain(each) for key, each in sorted(found.items())}
    if isinstance(found, (list, tuple)):
        return [plain(each) for each in found]
    if hasattr(found, "numpy"):
        found = found.numpy()
    if isinstance(found, bytes):
        return found.decode("latin-1")
    if isinstance(found, (np.ndarray, np.generic)):
        listed = found.tolist()
        return plain(listed) if isinstance(listed, (list, bytes)) else listed
    if found is None or isinstance(found, (bool, int, float, str)):
        return found
    return [plain(each) for each in found] if hasattr(found, "__iter__") else str(found)


def main() -> int:
    """Runs what standard input holds, in an empty folder."""
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    warnings.simplefilter("ignore")
    results = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        os.chdir(folder)
        for name, seed, code in json.load(sys.stdin):
            try:
                results[name] = {"result": computed(code, seed)}
            except Exception as error:  # which one is what is wanted
                text = " ".join(str(error).split())
                results[name] = {"error": f"{type(error).__name__}: {text}"}
        os.chdir("/")
    print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
