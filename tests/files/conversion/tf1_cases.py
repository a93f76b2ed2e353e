"""What the models of real TensorFlow 1.15 share: their inputs, their loss, and the list of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

RANDOM = np.random.RandomState(0)
DATA = {
    "x": RANDOM.normal(size=[8, 3]).astype("f"),
    "y": RANDOM.normal(size=[8, 2]).astype("f"),
    "sequences": RANDOM.normal(size=[8, 5, 3]).astype("f"),
    "pictures": RANDOM.normal(size=[8, 6, 6, 2]).astype("f"),
    "ids": np.array([4, 0, 7, 2, 5, 1, 8, 3]),
    "films": RANDOM.normal(size=[8, 3, 4, 4, 2]).astype("f"),
    "tokens": RANDOM.randint(0, 9, size=[8, 6]),
    "noise": RANDOM.normal(size=[8, 2]).astype("f"),
}
CASES = {}


def case(function):
    """Adds a case: a function that builds the model and returns outputs and update."""
    CASES[function.__name__] = function
    return function


def loss_of(outputs):
    return tf.reduce_mean(tf.square(outputs - DATA["y"]))


def trained(outputs, optimizer=None, loss=None, **more):
    """Returns outputs, loss and update; Adam where no optimizer is given."""
    loss = loss_of(outputs) if loss is None else loss
    optimizer = optimizer or tf.train.AdamOptimizer(0.01)
    update = optimizer.minimize(loss, tf.train.get_or_create_global_step())
    return dict(outputs=outputs, loss=loss, update=update, **more)


def two_layers(activation=tf.nn.relu):
    hidden = tf.layers.dense(DATA["x"], 4, activation, name="hidden")
    return tf.layers.dense(hidden, 2, name="out")


def last(outputs):
    return tf.layers.dense(outputs[:, -1], 2, name="out")


def rnn(cell):
    return trained(last(tf.nn.dynamic_rnn(cell, DATA["sequences"], dtype=tf.float32)[0]))


def flat(pictures):
    return tf.layers.dense(tf.layers.flatten(pictures), 2, name="out")
