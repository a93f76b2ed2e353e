"""The port of rnn_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(5)
w = tf.Variable(random.normal(0, 0.5, (4, 3)).astype("float32"), name="w")
kernel = tf.Variable(random.normal(0, 0.5, (7, 16)).astype("float32"), name="kernel")
bias = tf.Variable(tf.zeros([16]), name="bias")
optimizer = keras.optimizers.SGD(0.5)
FORGET = 0.0 if MISTAKE == "forget bias lost" else 1.0


def lstm(x):
    h = c = tf.zeros([8, 4])
    for t in range(5):
        gates = tf.split(tf.matmul(tf.concat([x[:, t], h], 1), kernel) + bias, 4, 1)
        i, j, f, o = gates
        if MISTAKE == "Keras's gates":
            i, f, j, o = gates
        if MISTAKE == "first gates exchanged":
            j, i, f, o = gates
        c = c * tf.sigmoid(f + FORGET) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
    return h


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = tf.matmul(lstm(x), w)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(each)
    gradients = tape.gradient(loss, [kernel, bias, w])
    if MISTAKE == "each tensor clipped":
        gradients = [tf.clip_by_norm(g, 0.2) for g in gradients]
    elif MISTAKE != "clipping left out":
        gradients, _ = tf.clip_by_global_norm(gradients, 0.2)
    optimizer.apply_gradients(zip(gradients, [kernel, bias, w]))


for _ in range(5):
    train_step(random.normal(size=(8, 5, 3)).astype("float32"), random.randint(0, 3, 8))
