"""Prints, as JSON, what a strategy does with the gradients and metrics of two replicas.

Sets up the devices of its process, which must not have run anything before.
"""

from __future__ import annotations

import json

from shared.tensorflow_loading import load_tensorflow

load_tensorflow()
import tensorflow as tf  # noqa: E402


def main() -> None:
    """Gives replica 0 a gradient of 1 and replica 1 one of 3, and a metric the same numbers."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with strategy.scope():
        plain, clipped = tf.Variable(0.0), tf.Variable(0.0)
        optimizer = tf.keras.optimizers.SGD(1.0)
        clipping = tf.keras.optimizers.SGD(1.0, clipnorm=0.5)
        metric = tf.keras.metrics.Mean()
        for each, variable in ((optimizer, plain), (clipping, clipped)):
            each.build([variable])

    @tf.function
    def step() -> None:
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradient = 1.0 + 2.0 * tf.cast(replica, tf.float32)
        optimizer.apply_gradients([(gradient, plain)])
        clipping.apply_gradients([(gradient, clipped)])
        metric.update_state(gradient)

    strategy.run(step)
    moved = {"moved by": -plain.numpy(), "moved by, clipped to 0.5": -clipped.numpy()}
    moved["metric"] = metric.result().numpy()
    print(json.dumps({name: float(value) for name, value in moved.items()}))


if __name__ == "__main__":
    main()
