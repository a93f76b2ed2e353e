"""Fits a line through a ReLU and saves it for reuse.py."""

import time

import numpy as np
import tensorflow as tf

STEPS = 5000

random = np.random.RandomState(0)
inputs = random.rand(10000).astype(np.float32)
targets = 2 * inputs + 1

w = tf.Variable(0.5, name="w")
b = tf.Variable(0.1, name="b")
optimizer = tf.keras.optimizers.Adam(0.001, epsilon=1e-8)
optimizer.build([w, b])
checkpoint = tf.train.Checkpoint(w=w, b=b, optimizer=optimizer)


@tf.function
def train(x, y):
    """Updates w and b on one batch; returns its loss."""
    with tf.GradientTape() as tape:
        prediction = tf.nn.relu(w * x + b)
        loss = tf.reduce_mean(tf.square(prediction - y))
    optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b]))
    return loss


losses = []
start = time.time()
for step in range(1, STEPS + 1):
    rows = random.randint(0, 10000, 100)
    value = train(inputs[rows], targets[rows])
    losses.append(value)
    if step % 1000 == 0:
        print("step %d: loss %.3e, %.0f us a step" % (step, value, (time.time() - start) * 1e3))
        start = time.time()
weight, bias = w.numpy(), b.numpy()
print("y = relu(%.4f x + %.4f)" % (weight, bias))
print("saved to", checkpoint.write("./line"))
