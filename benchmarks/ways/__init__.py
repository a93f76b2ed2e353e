"""The ways of training a model: which there are and what opens each.

This module and `sessions` also run on Python 3.7 under real TensorFlow 1.15.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

from benchmarks.clock import Running
from benchmarks.workloads import PeerStart, Workload


class Way(NamedTuple):
    """One way of training."""

    name: str  # in results and on the command line
    label: str  # as people read it
    module: str  # of this project
    function: str  # of the module: takes (way, workload), or (start, workload)
    process: str = "here"  # or tf115, jax, torch, numpy: a process of its own
    optimizer: str | None = None  # keras or tf1, for TensorFlow 2 models that have the choice

    def open(self, workload: Workload, start: PeerStart | None = None) -> Running:
        """Makes the model at step 0, ready to train in this way; a peer needs `start`."""
        function = getattr(importlib.import_module(self.module), self.function)
        running: Running = function(start if self.is_peer else self, workload)
        return running

    @property
    def is_peer(self) -> bool:
        """Whether it runs without TensorFlow."""
        return self.process in ("numpy", "jax", "torch")


_SESSION, _FUNCTION, _FIT = (
    "benchmarks.ways." + name for name in ("sessions", "functions", "fits")
)
_LIMITS = "benchmarks.limits"
_NUMPY, _JAX, _TORCH = (
    "benchmarks.peers." + name for name in ("numpy_by_hand", "jax_peer", "torch_peer")
)
REFERENCE = "session-feed"
# The style files train in this way and with this optimizer unless told otherwise.
DEFAULT = "many-steps"

WAYS: tuple[Way, ...] = (
    Way("tf115", "TensorFlow 1.15 Session", _SESSION, "feed", "tf115"),
    Way(REFERENCE, "Session, feed_dict", _SESSION, "feed"),
    Way("session-callable", "Session, make_callable", _SESSION, "prepared"),
    Way("session-dataset", "Session, tf.data iterator", _SESSION, "from_dataset"),
    Way("eager", "eager", _FUNCTION, "eager", optimizer="keras"),
    Way("function", "tf.function", _FUNCTION, "function", optimizer="keras"),
    Way("function-tf1", "tf.function, TF1's Adam", _FUNCTION, "function", optimizer="tf1"),
    Way("function-dataset", "tf.function, tf.data", _FUNCTION, "dataset", optimizer="keras"),
    Way("concrete", "ConcreteFunction", _FUNCTION, "concrete", optimizer="keras"),
    Way("function-xla", "XLA", _FUNCTION, "compiled", optimizer="keras"),
    Way(DEFAULT, "many steps", _FUNCTION, "many_steps", optimizer="keras"),
    Way("many-steps-tf1", "many steps, TF1's Adam", _FUNCTION, "many_steps", optimizer="tf1"),
    Way("many-steps-kept", "many steps, data kept", _FUNCTION, "kept", optimizer="keras"),
    Way("many-steps-xla", "XLA, many steps", _FUNCTION, "compiled_loop", optimizer="keras"),
    Way(
        "many-steps-xla-tf1",
        "XLA, many steps, TF1's Adam",
        _FUNCTION,
        "compiled_loop",
        optimizer="tf1",
    ),
    Way("fit", "Keras fit", _FIT, "fit", optimizer="keras"),
    Way("fit-many-steps", "Keras fit, many steps", _FIT, "fit_many_steps", optimizer="keras"),
    Way("numpy", "NumPy by hand", _NUMPY, "open_way", "numpy"),
    Way("jax-step", "JAX, jit", _JAX, "step", "jax"),
    Way("jax-scan", "JAX, scan of many steps", _JAX, "scan", "jax"),
    Way("torch", "PyTorch", _TORCH, "open_way", "torch"),
)
# Not ways of training but what the machine can do, timed in turn with them.
LIMITS: tuple[Way, ...] = (
    Way("product-tensorflow", "matrix product, TensorFlow", _LIMITS, "tensorflow_product"),
    Way("product-numpy", "matrix product, NumPy", _LIMITS, "numpy_product", "numpy"),
    Way("product-torch", "matrix product, PyTorch", _LIMITS, "torch_product", "torch"),
    Way("copy", "copy of memory", _LIMITS, "copy"),
)


def way_named(name: str) -> Way:
    """Returns the way of this name."""
    return next(way for way in (*WAYS, *LIMITS) if way.name == name)
