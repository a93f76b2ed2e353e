"""Brings `tf.layers` and RNN cells back in TensorFlow 2.21; changes nothing of TensorFlow 1.15.

It also silences, in the whole process, the warnings that these are deprecated.

A trick for these pairs, whose tests run both styles in one process: it writes private attributes
of TensorFlow. In your own program set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported; then
`tf.keras` is Keras 2 in the whole process.

Import this after TensorFlow. `tf.compat.v1.layers` and `tf.compat.v1.nn.rnn_cell` are modules that
load Keras when they are first used, and each reads TF_USE_LEGACY_KERAS then. So these two get the
package `tf_keras` (Keras 2), while `tf.keras` stays Keras 3, in the same process.
"""

from __future__ import annotations

import warnings
from typing import Any

import tensorflow.compat.v1 as tf

from shared.environment import environment_variable
from shared.errors import UsageError


def load() -> None:
    """Makes `tf.layers` and `tf.nn.rnn_cell` usable.

    Raises:
        UsageError: TensorFlow needs `tf_keras` for it, and that is not installed.
    """
    # It says of each function that it is deprecated; those functions are the subject here.
    warnings.filterwarnings("ignore", r"`tf\.(layers|nn\.rnn_cell)\.", UserWarning)
    try:
        with environment_variable("TF_USE_LEGACY_KERAS", "1"):
            for module, name in ((tf.layers, "dense"), (tf.nn.rnn_cell, "LSTMCell")):
                _choose_again(module)
                getattr(module, name)  # the first use
    except (AttributeError, ImportError) as error:
        raise UsageError(
            "tf.layers and tf.nn.rnn_cell: TensorFlow 2.21 expects the package tf_keras for them; "
            f"found none ({error})"
        ) from None


def _choose_again(module: Any) -> None:
    """Lets a module choose its Keras anew: looking for a name in it, with Keras 3, was a choice."""
    if vars(module).get("_tfll_keras_version") == "keras_3":
        module._tfll_initialized = False


load()
