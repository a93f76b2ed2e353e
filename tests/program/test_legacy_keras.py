"""`shared.legacy_keras`: the old layers and cells beside Keras 3, in one process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import shared.tensorflow_loading, sys
import tensorflow as tf
{first}
from shared import legacy_keras
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    layers, cells = tf.compat.v1.layers, tf.compat.v1.nn.rnn_cell
    inputs = tf.ones([2, 3, 4])
    outputs, _ = tf.compat.v1.nn.dynamic_rnn(cells.LSTMCell(5), inputs, dtype=tf.float32)
    normalized = layers.batch_normalization(layers.dense(outputs, 6), training=True)
    session.run(tf.compat.v1.global_variables_initializer())
    updates = len(tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.UPDATE_OPS))
    print(*session.run(normalized).shape, updates)
print(tf.keras.layers.LSTM(5)(tf.ones([2, 3, 4])).shape, tf.keras.layers.LSTM.__module__)
"""


def run(first: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", PROGRAM.format(first=first)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


LOOKED_AT = "assert not hasattr(tf.compat.v1.layers, 'dense')"


@pytest.mark.slow
@pytest.mark.parametrize("first", ["", LOOKED_AT])
def test_old_layers_and_cells_run_and_tf_keras_stays_keras_3(first: str) -> None:
    done = run(first)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["2 3 6 2", "(2, 5) keras.src.layers.rnn.lstm"]
    assert done.stderr == ""


@pytest.mark.slow
def test_without_tf_keras_one_line_says_what_is_missing() -> None:
    done = run("sys.modules['tf_keras'] = None")
    assert done.returncode == 1
    assert "TensorFlow 2.21 expects the package tf_keras for them; found none" in done.stderr


def test_the_switch_is_left_as_it_was() -> None:
    import tensorflow as tf

    from shared import legacy_keras

    before = os.environ.get("TF_USE_LEGACY_KERAS")
    legacy_keras.load()
    assert os.environ.get("TF_USE_LEGACY_KERAS") == before
    assert tf.keras.__version__.startswith("3.")
    with tf.Graph().as_default():
        layer = tf.compat.v1.layers.dense(np.ones([2, 3], np.float32), 4)
        assert layer.shape.as_list() == [2, 4]
