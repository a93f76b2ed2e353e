"""The runtimes that train a model: which there are and what opens each.

This module and `sessions` also run on Python 3.7 under real TensorFlow 1.15.
"""

from __future__ import annotations

import importlib
from typing import NamedTuple

from benchmarks.clock import Running
from benchmarks.models_and_batches import PeerStart, Workload

THIS_PROCESS = "this process"
# Processes of TensorFlow 2 or JAX that are started with a setting of their own.
ONE_INTRA_OP_THREAD = "tensorflow, one intra-op thread"
LOOP_IN_A_KERNEL = {"tensorflow": "tensorflow, loop in a kernel", "jax": "jax, loop in a kernel"}


class Runtime(NamedTuple):
    """Something that is timed.

    It is a runtime that trains a model or, in MACHINE_LIMITS, a matrix product or a memory copy
    that bounds what the machine can do.
    """

    name: str  # in results and on the command line
    label: str  # as people read it
    module: str  # of this project
    function: str  # of the module: takes (runtime, workload), or (start, workload)
    process: str = THIS_PROCESS  # or one of its own: tf115, jax, torch, numpy, or one of the above
    optimizer: str | None = None  # keras or tf1, for TensorFlow 2 models that have the choice

    def open(self, workload: Workload, start: PeerStart | None = None) -> Running:
        """Makes the model at step 0, ready to train in this runtime; a peer needs `start`."""
        function = getattr(importlib.import_module(self.module), self.function)
        running: Running = function(start if self.is_peer else self, workload)
        return running

    @property
    def is_peer(self) -> bool:
        """Whether it runs without TensorFlow."""
        return self.process in ("numpy", "jax", "torch", LOOP_IN_A_KERNEL["jax"])


_SESSION, _FUNCTION, _FIT = (
    "benchmarks.runtimes." + name for name in ("sessions", "functions", "fits")
)
_LIMITS = "benchmarks.limits"
_NUMPY, _JAX, _TORCH = (
    "benchmarks.peers." + name for name in ("numpy_by_hand", "jax_peer", "torch_peer")
)
REFERENCE = "session-feed"
LITE = "lite"
UNROLLED = 10  # training steps per iteration of an unrolled loop
# The runtime and the optimizer with which the style file trains unless told otherwise.
DEFAULTS = {
    "linear_regression": "many-steps",
    "relu_regression": "many-steps",
    "softmax_regression": "rows",
    "mlp": "rows-tf1",
    "cnn": "gathered-tf1",
    "residual_network": "many-steps",
    "recurrent_network": "many-steps",
    "embeddings": "many-steps",
    "adversarial": "many-steps",
}

RUNTIMES: tuple[Runtime, ...] = (
    Runtime("tf115", "TensorFlow 1.15 Session", _SESSION, "feed", "tf115"),
    Runtime(REFERENCE, "Session, feed_dict", _SESSION, "feed"),
    Runtime("session-callable", "Session, make_callable", _SESSION, "prepared"),
    Runtime("session-dataset", "Session, tf.data iterator", _SESSION, "from_dataset"),
    Runtime("session-intra-1", "Session, intra-op 1", _SESSION, "feed", ONE_INTRA_OP_THREAD),
    Runtime("eager", "eager", _FUNCTION, "eager", optimizer="keras"),
    Runtime("function", "tf.function", _FUNCTION, "function", optimizer="keras"),
    Runtime("function-tf1", "tf.function, TF1 kernel", _FUNCTION, "function", optimizer="tf1"),
    Runtime("function-dataset", "tf.function, tf.data", _FUNCTION, "dataset", optimizer="keras"),
    Runtime("concrete", "ConcreteFunction", _FUNCTION, "concrete", optimizer="keras"),
    Runtime("function-xla", "XLA", _FUNCTION, "compiled", optimizer="keras"),
    Runtime("many-steps", "many steps", _FUNCTION, "stacked", optimizer="keras"),
    Runtime("many-steps-tf1", "many steps, TF1 kernel", _FUNCTION, "stacked", optimizer="tf1"),
    Runtime("gathered", "many steps, gathered", _FUNCTION, "gathered", optimizer="keras"),
    Runtime("gathered-tf1", "gathered, TF1 kernel", _FUNCTION, "gathered", optimizer="tf1"),
    Runtime("rows", "rows, one thread", _FUNCTION, "on_rows", optimizer="keras"),
    Runtime("rows-tf1", "rows, TF1 kernel", _FUNCTION, "on_rows", optimizer="tf1"),
    Runtime("gathered-intra-1", "gathered, intra-op 1", _FUNCTION, "gathered", ONE_INTRA_OP_THREAD),
    Runtime("many-steps-kept", "many steps, data kept", _FUNCTION, "kept", optimizer="keras"),
    Runtime("many-steps-xla", "XLA, many steps", _FUNCTION, "compiled_loop", optimizer="keras"),
    Runtime(
        "many-steps-xla-tf1",
        "XLA, many steps, TF1 kernel",
        _FUNCTION,
        "compiled_loop",
        optimizer="tf1",
    ),
    Runtime(
        "many-steps-xla-unrolled",
        f"XLA, loop unrolled {UNROLLED}x",
        _FUNCTION,
        "unrolled_loop",
        optimizer="keras",
    ),
    Runtime(
        "many-steps-xla-kernel",
        "XLA, loop in one kernel",
        _FUNCTION,
        "compiled_loop",
        LOOP_IN_A_KERNEL["tensorflow"],
        optimizer="keras",
    ),
    Runtime(
        "many-steps-xla-transposed",
        "XLA, weights transposed",
        _FUNCTION,
        "transposed_loop",
        optimizer="keras",
    ),
    Runtime("fit", "Keras fit", _FIT, "fit", optimizer="keras"),
    Runtime("fit-many-steps", "Keras fit, many steps", _FIT, "fit_many_steps", optimizer="keras"),
    Runtime("numpy", "NumPy by hand", _NUMPY, "step", "numpy"),
    Runtime("jax-step", "JAX, jit", _JAX, "step", "jax"),
    Runtime("jax-scan", "JAX, scan of many steps", _JAX, "scan", "jax"),
    Runtime("jax-scan-unrolled", f"JAX, scan unrolled {UNROLLED}x", _JAX, "unrolled_scan", "jax"),
    Runtime("jax-scan-kernel", "JAX, scan in one kernel", _JAX, "scan", LOOP_IN_A_KERNEL["jax"]),
    Runtime("jax-scan-transposed", "JAX, weights transposed", _JAX, "transposed_scan", "jax"),
    Runtime("torch", "PyTorch", _TORCH, "step", "torch"),
)
# It trains nothing: what a model predicts is converted for it.
PREDICTING: tuple[Runtime, ...] = (Runtime(LITE, "TensorFlow Lite", _FUNCTION, "lite_predict"),)
# The limits train nothing. They are timed interleaved with the runtimes, for the floor.
MACHINE_LIMITS: tuple[Runtime, ...] = (
    Runtime("product-tensorflow", "matrix product, TensorFlow", _LIMITS, "tensorflow_product"),
    Runtime("product-numpy", "matrix product, NumPy", _LIMITS, "numpy_product", "numpy"),
    Runtime("product-torch", "matrix product, PyTorch", _LIMITS, "torch_product", "torch"),
    Runtime("copy", "copy of memory", _LIMITS, "copy"),
)
ALL = (*RUNTIMES, *PREDICTING, *MACHINE_LIMITS)


def runtime_named(name: str) -> Runtime:
    """Returns the runtime, or the limit of the machine, of this name."""
    return next(runtime for runtime in ALL if runtime.name == name)
