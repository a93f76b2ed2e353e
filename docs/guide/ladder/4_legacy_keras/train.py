"""Fits a line through a ReLU and saves it for reuse.py."""

import os
import time

# Before TensorFlow is imported: the switch is for the whole process.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

STEPS = 5000

random = np.random.RandomState(0)
inputs = random.rand(10000).astype(np.float32)
targets = 2 * inputs + 1

x = tf.placeholder(tf.float32, [None], name="x")
y = tf.placeholder(tf.float32, [None], name="y")
w = tf.Variable(0.5, name="w")
b = tf.Variable(0.1, name="b")
prediction = tf.nn.relu(w * x + b, name="prediction")
loss = tf.reduce_mean(tf.square(prediction - y))
train = tf.train.AdamOptimizer(0.001).minimize(loss)
saver = tf.train.Saver()

losses = []
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    start = time.time()
    for step in range(1, STEPS + 1):
        rows = random.randint(0, 10000, 100)
        _, value = session.run([train, loss], {x: inputs[rows], y: targets[rows]})
        losses.append(value)
        if step % 1000 == 0:
            print("step %d: loss %.3e, %.0f us a step" % (step, value, (time.time() - start) * 1e3))
            start = time.time()
    weight, bias = session.run([w, b])
    print("y = relu(%.4f x + %.4f)" % (weight, bias))
    print("saved to", saver.save(session, "./line"))
