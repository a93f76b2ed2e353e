"""What `pairs lookup tf.keras.models.load_model` says of an .h5 file that TensorFlow 1.15 wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import forked_python
from shared.tensorflow_loading import load_tensorflow
from shared.tools.child_process import tf115_environment
from tf115_environment import require_tf115

load_tensorflow()
import tensorflow as tf  # noqa: E402

WRITE = """
import sys
import numpy as np
import tensorflow as tf

model = tf.keras.Sequential([
    tf.keras.layers.Dense(3, activation="relu", input_shape=(4,)), tf.keras.layers.Dense(2)
])
model.save(sys.argv[1] + "/model.h5")
np.save(sys.argv[1] + "/predicted.npy", model.predict(np.eye(4, dtype=np.float32)))
"""


@pytest.mark.tf115
def test_keras_3_reads_its_weights_and_not_the_model(tmp_path: Path) -> None:
    command = [require_tf115(), "-c", WRITE, tmp_path]
    forked_python.run(command, env=tf115_environment(), check=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dtype'"):
        tf.keras.models.load_model(tmp_path / "model.h5")
    layers = tf.keras.layers
    model = tf.keras.Sequential(
        [tf.keras.Input([4]), layers.Dense(3, activation="relu"), layers.Dense(2)]
    )
    model.load_weights(tmp_path / "model.h5")
    predicted = model.predict(np.eye(4, dtype=np.float32), verbose=0)
    # Each of these sums has one term that is not 0, and the second layer three: two roundings.
    np.testing.assert_allclose(predicted, np.load(tmp_path / "predicted.npy"), rtol=0, atol=2e-7)
