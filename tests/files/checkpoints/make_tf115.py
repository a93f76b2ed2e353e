"""Makes tests/files/checkpoints/tf115: what TensorFlow 1.15.5 saves of a small network with Adam.

It has what older programs have: scopes, a partitioned variable, moving averages, no global step, a
name with a dot, and variables of other types. The second checkpoint is the first, trained for 20
more updates.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

UPDATES = (900, 920)  # beta1_power is 0 by then; only beta2_power tells the step


def data() -> tuple[np.ndarray, np.ndarray]:
    """Inputs [8, 4] and targets [8, 1], float32; test_checkpoint_training.py makes the same."""
    random = np.random.RandomState(0)
    inputs = random.standard_normal([8, 4]).astype(np.float32)
    return inputs, np.sin(inputs.sum(axis=1, keepdims=True)).astype(np.float32)


def build() -> Any:
    """Returns the operation that makes one update."""
    inputs, targets = map(tf.constant, data())
    random = np.random.RandomState(1)
    with tf.variable_scope("encoder"):
        weights = tf.get_variable(
            "weights",
            shape=[4, 3],
            initializer=tf.constant_initializer(random.standard_normal([2, 3])),  # of each part
            partitioner=tf.fixed_size_partitioner(2),
        )
        biases = tf.get_variable("biases", initializer=tf.zeros([3]))
    with tf.variable_scope("head"):
        initial_value = random.standard_normal([3, 1]).astype(np.float32)
        kernel = tf.get_variable("kernel.out", initializer=initial_value)
    tf.get_variable("other/int64", initializer=tf.constant(2**40, tf.int64), trainable=False)
    tf.get_variable("other/bfloat16", initializer=tf.constant([1.5, -2], tf.bfloat16))
    tf.get_variable("other/bool", initializer=tf.constant([True, False]), trainable=False)
    hidden = tf.tanh(tf.matmul(inputs, tf.convert_to_tensor(weights)) + biases)
    loss = tf.reduce_mean(tf.square(tf.matmul(hidden, kernel) - targets))
    trained = [*weights, biases, kernel]
    update = tf.train.AdamOptimizer(0.01).minimize(loss, var_list=trained)
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([update]):
        return average.apply([biases, kernel])


def main() -> None:
    """Trains and saves."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115")
    update = build()
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for done in range(1, UPDATES[-1] + 1):
            session.run(update)
            if done in UPDATES:
                saver.save(
                    session,
                    os.path.join(folder, "model"),
                    global_step=done,
                    write_meta_graph=False,
                    write_state=False,
                )
    print("made by TensorFlow", tf.__version__, "on Python", sys.version.split()[0])


if __name__ == "__main__":
    main()
