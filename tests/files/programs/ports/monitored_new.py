"""The port of monitored_old.py; its argument is a mistake to make."""

import sys

import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(7)
w = tf.Variable(random.normal(size=(5, 2)).astype("float32"), name="w")
b = tf.Variable(tf.zeros([2]), name="b")
DECAY = 0.99 if MISTAKE == "decay 0.99" else 0.9
RATE = 0.02 if MISTAKE == "learning rate" else 0.01
# TensorFlow 1's kernel: Keras's RMSprop starts its squares from 0, and it from 1.
first = tf.zeros if MISTAKE == "squares start from 0" else tf.ones
squares = [tf.Variable(first(v.shape), name=v.name.split(":")[0] + "/RMSProp") for v in (w, b)]
momenta = [tf.Variable(tf.zeros(v.shape), name=v.name.split(":")[0] + "/RMSProp_1") for v in (w, b)]


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w) + b) - y))
        loss *= 1.0 if MISTAKE == "squares not halved" else 0.5
    for v, g, ms, mom in zip((w, b), tape.gradient(loss, [w, b]), squares, momenta):
        tf.raw_ops.ResourceApplyRMSProp(
            var=v.handle,
            ms=ms.handle,
            mom=mom.handle,
            lr=tf.constant(RATE),
            rho=tf.constant(DECAY),
            momentum=tf.constant(0.0),
            epsilon=tf.constant(1e-10),
            grad=g,
        )


for _ in range(6):
    batch = random.uniform(-1, 1, (8, 5)).astype("float32")
    train_step(batch, batch[:, :2])
