"""Loads TensorFlow in the same way everywhere, without its start-up chatter.

Import this before TensorFlow. TensorFlow 2.21 reports a missing GPU in lines that its own switch,
`TF_CPP_MIN_LOG_LEVEL`, does not reach, because they are written before its logging is set up.
They are filtered out while it loads; every other line, its errors among them, still reaches
standard error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import warnings
from typing import Any, Iterable, Iterator

from shared.garbage_collection import no_garbage_collection
from shared.standard_streams import open_missing_streams

# 0 shows all, 1 hides INFO, 2 hides WARNING too, 3 would hide errors. Read once, on loading.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# On x86 TensorFlow uses oneDNN by itself only where the processor has AVX-512 or better. With it,
# a step of the CNN takes a third of the time on older ones, and all compute in the same way.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# TensorFlow 1.15 logs one line for every deprecated symbol; those symbols are the subject here.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
# Where the home folder cannot be written, Matplotlib says in two lines that it uses another.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
# TensorFlow 1.15 declares dtypes in a way that NumPy 1.17 and later warn about.
warnings.filterwarnings("ignore", category=FutureWarning, module="tensor(flow|board)")

# Passes standard input on to standard error, less the chatter. A process of its own, so that what
# TensorFlow says last before it crashes is shown too.
_FILTER = r"""
import re, sys
chatter = re.compile(
    rb"[IW]\d{4} |WARNING: All log messages before absl::InitializeLog|"
    rb"E\d{4} .*failed call to cuInit|INFO: Created TensorFlow Lite"
)
for line in sys.stdin.buffer:
    if not chatter.match(line):
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
"""


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Leaves the chatter out of what this process writes to standard error meanwhile."""
    sys.stderr.flush()
    command = [sys.executable, "-I", "-S", "-c", _FILTER]
    kept = os.dup(2)
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert process.stdin is not None
    os.dup2(process.stdin.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        process.stdin.close()
        process.wait()


# TensorFlow and Keras import these while they load, where they are installed, for what nothing here
# uses: converting JAX to TensorFlow Lite, drawing galleries, SciPy's sparse matrices in old loops.
# Without them, and without collecting garbage, loading takes two thirds of the time.
_NOT_NEEDED = ("jax", "matplotlib", "scipy")


@contextlib.contextmanager
def _left_out(names: Iterable[str]) -> Iterator[None]:
    """Lets imports fail as if the packages were not installed; afterwards they are importable."""
    hidden: Any = {name: None for name in names if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# What Keras computes with; a file in the home folder may say otherwise, for all programs.
_KERAS_SETTINGS = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}


def pin_keras() -> list[str]:
    """Makes Keras run on TensorFlow, in float32, whatever this computer's settings are.

    To be called before Keras is imported. Processes that this one starts inherit it.

    Returns:
        What was set otherwise, a line each.
    """
    said = []
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        said.append(f"KERAS_BACKEND is {backend!r:.40}; here Keras runs on TensorFlow")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # goes before the file
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    path = os.path.join(home, "keras.json")
    other = _other_settings(path)
    if other:
        said.append("{}: {} not used here, but Keras's defaults".format(path, ", ".join(other)))
        # A folder without such a file. Keras keeps its downloads there too.
        os.environ["KERAS_HOME"] = os.path.join(home, "tf1-tf2-pairs")
    return said


def _other_settings(path: str) -> list[str]:
    """Returns what Keras's file of settings has that is not its default."""
    try:
        with open(path, encoding="utf-8") as file:
            found: Any = json.load(file)
    except (OSError, ValueError, RecursionError):  # Keras takes its defaults then, too
        return []
    if not isinstance(found, dict):
        return ["its content"]
    return [
        f"{name} {found[name]!r:.40}"
        for name, default in _KERAS_SETTINGS.items()
        if found.get(name, default) != default
    ]


def load_tensorflow() -> None:
    """Imports TensorFlow and looks for its devices, which is when it chatters."""
    open_missing_streams()
    for line in pin_keras():
        print("note: " + line, file=sys.stderr)
    if "tensorflow" in sys.modules:
        return
    with without_chatter(), _left_out(_NOT_NEEDED), no_garbage_collection():
        import tensorflow as tf

        tf.config.experimental.list_physical_devices()


load_tensorflow()
