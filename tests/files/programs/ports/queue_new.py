"""The port of queue_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(3)
xs = random.normal(size=(48, 5)).astype("float32")
ys = (xs.sum(1, keepdims=True) + random.normal(size=(48, 1))).astype("float32")
w = tf.Variable(random.normal(size=(5, 1)).astype("float32"), name="w")
b = tf.Variable(tf.zeros([1]), name="b")
momentum = 0.8 if MISTAKE == "momentum 0.8" else 0.9
rate = 0.1 if MISTAKE == "learning rate" else 0.05
optimizer = keras.optimizers.SGD(rate, momentum, nesterov=MISTAKE == "Nesterov")

for x, y in tf.data.Dataset.from_tensor_slices((xs, ys)).batch(8):
    with tf.GradientTape() as tape:
        error = tf.matmul(x, w) + b - y
        loss = tf.reduce_mean(error**2)
        if MISTAKE == "squares halved":
            loss = tf.reduce_mean(error**2) / 2
    gradients = tape.gradient(loss, [w, b])
    optimizer.apply_gradients(zip(gradients, [w, b]))
