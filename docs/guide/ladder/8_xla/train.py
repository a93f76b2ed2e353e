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


@tf.function(jit_compile=True)
def train(xs, ys):
    """Updates w and b on one batch after the other; returns their losses."""
    losses = tf.TensorArray(tf.float32, len(xs))
    for step in tf.range(len(xs)):
        with tf.GradientTape() as tape:
            prediction = tf.nn.relu(w * xs[step] + b)
            loss = tf.reduce_mean(tf.square(prediction - ys[step]))
        optimizer.apply_gradients(zip(tape.gradient(loss, [w, b]), [w, b]))
        losses = losses.write(step, loss)
    return losses.stack()


losses = []
start = time.time()
for step in range(1000, STEPS + 1, 1000):
    rows = random.randint(0, 10000, [1000, 100])
    values = train(inputs[rows], targets[rows])
    losses.extend(values.numpy())
    print("step %d: loss %.3e, %.0f us a step" % (step, values[-1], (time.time() - start) * 1e3))
    start = time.time()
weight, bias = w.numpy(), b.numpy()
print("y = relu(%.4f x + %.4f)" % (weight, bias))
print("saved to", checkpoint.write("./line"))
