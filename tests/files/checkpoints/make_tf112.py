"""Makes tests/files/checkpoints/tf112: TensorFlow 1.12 on Python 2.7, a line with Momentum.

The second checkpoint is the first, trained for 20 more updates.
"""

# ruff: noqa: UP010
# mypy: disallow-untyped-defs=False

from __future__ import absolute_import, division, print_function

import os
import sys

import numpy as np
import tensorflow as tf

UPDATES = (20, 40)


def data():
    """Inputs [16, 3] and targets [16, 1], float32; test_checkpoint_training.py makes the same."""
    random = np.random.RandomState(0)
    inputs = random.standard_normal([16, 3]).astype(np.float32)
    return inputs, inputs.sum(axis=1, keepdims=True) + np.float32(1)


def build():
    """Returns the operation that makes one update."""
    inputs, targets = map(tf.constant, data())
    with tf.variable_scope("line"):
        weights = tf.get_variable("weights", initializer=tf.zeros([3, 1]))
        biases = tf.get_variable("biases", initializer=tf.zeros([1]))
    # int32, as in most code of the time; tf.train.create_global_step makes an int64.
    global_step = tf.Variable(0, trainable=False, name="global_step")
    loss = tf.reduce_mean(tf.square(tf.matmul(inputs, weights) + biases - targets))
    return tf.train.MomentumOptimizer(0.03, momentum=0.9).minimize(loss, global_step=global_step)


def main():
    """Trains and saves."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf112")
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
