"""The port of softmax_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(1)
w = tf.Variable(random.normal(0, 0.5, (6, 4)).astype("float32"), name="w")
b = tf.Variable(tf.zeros([4]), name="b")
rate = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.8, staircase=True)
if MISTAKE == "schedule frozen":
    rate = 0.5
if MISTAKE == "learning rate":
    rate = keras.optimizers.schedules.ExponentialDecay(1.0, 2, 0.8, staircase=True)
optimizer = keras.optimizers.SGD(rate)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = tf.matmul(x, w) + b
        if MISTAKE == "softmax twice":
            logits = tf.nn.softmax(logits)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_sum(each) if MISTAKE == "sum for mean" else tf.reduce_mean(each)
    gradients = tape.gradient(loss, [w, b])
    optimizer.apply_gradients(zip(gradients, [w, b]))


for _ in range(6):
    train_step(random.normal(size=(16, 6)).astype("float32"), random.randint(0, 4, 16))
