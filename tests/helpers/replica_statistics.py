"""`python -m replica_statistics STYLE`: batch normalization on two devices, as numbers in JSON.

A batch of four numbers, two a device; the averages begin at mean 0 and variance 1, and each moves
half of the way. TensorFlow 1 style runs under TensorFlow 1.15 on Python 3.7 too.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import shared.tensorflow_loading  # noqa: F401  before TensorFlow is imported

BATCH = np.array([[0.0], [2.0], [4.0], [10.0]], np.float32)
SETTINGS = {"momentum": 0.5, "epsilon": 0.0}


def towers(updating: list[int]) -> dict[str, Any]:
    """Returns what two towers of a graph make of the batch; some of them move the averages."""
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        outputs, updates = [], []
        for tower in (0, 1):
            before = len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
            with tf.variable_scope("model", reuse=tower > 0):
                rows = tf.constant(BATCH[2 * tower : 2 * tower + 2])
                layer = tf.layers.batch_normalization(rows, training=True, **SETTINGS)
            outputs.append(layer)
            updates.append(tf.get_collection(tf.GraphKeys.UPDATE_OPS)[before:])
        session.run(tf.global_variables_initializer())
        normalized = np.concatenate(session.run(outputs))
        for tower in updating:
            session.run(updates[tower])
        moving = {v.op.name.split("/")[-1]: v for v in tf.global_variables()}
        mean, variance = session.run([moving["moving_mean"], moving["moving_variance"]])
    return _found(normalized, mean, variance)


def replicas(keras: Any, **arguments: bool) -> dict[str, Any]:
    """Returns what two replicas of a MirroredStrategy make of the batch, and what each keeps."""
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with strategy.scope():
        layer = keras.layers.BatchNormalization(**arguments, **SETTINGS)
        layer.build([None, 1])

    @tf.function
    def step(rows: Any) -> Any:
        return strategy.run(lambda share: layer(share, training=True), args=(rows,))

    def share(context: Any) -> Any:
        first = 2 * context.replica_id_in_sync_group
        return tf.constant(BATCH[first : first + 2])

    shares = strategy.experimental_distribute_values_from_function(share)
    local = strategy.experimental_local_results
    normalized = np.concatenate([np.asarray(output) for output in local(step(shares))])
    found = _found(normalized, layer.moving_mean.numpy(), layer.moving_variance.numpy())
    mean = getattr(layer.moving_mean, "_value", layer.moving_mean)  # Keras 3 has it in its own
    return {**found, "means": [float(copy.read_value()[0]) for copy in local(mean)]}


def one_device() -> dict[str, Any]:
    """Returns what one device makes of the whole batch."""
    import tensorflow as tf

    layer = tf.keras.layers.BatchNormalization(**SETTINGS)
    normalized = np.asarray(layer(BATCH, training=True))
    return _found(normalized, layer.moving_mean.numpy(), layer.moving_variance.numpy())


def _found(normalized: Any, mean: Any, variance: Any) -> dict[str, Any]:
    return {
        "normalized": normalized[:, 0].tolist(),
        "mean": float(mean[0]),
        "variance": float(variance[0]),
    }


def main() -> None:
    """Prints the numbers of one style."""
    if sys.argv[1] == "tf1_style":
        from shared import legacy_keras  # noqa: F401  tf.layers, where TensorFlow has none

        scenarios: dict[str, Callable[[], dict[str, Any]]] = {
            "first tower": lambda: towers([0]),
            "both towers": lambda: towers([0, 1]),
            "both towers, the second first": lambda: towers([1, 0]),
        }
    else:
        import tensorflow as tf

        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
        scenarios = {
            "one device": one_device,
            "replicas": lambda: replicas(tf.keras),
            "synchronized": lambda: replicas(tf.keras, synchronized=True),
            "replicas of Keras 2": lambda: replicas(importlib.import_module("tf_keras")),
        }
    print(json.dumps({name: scenario() for name, scenario in scenarios.items()}))


if __name__ == "__main__":
    main()
