"""The port of perceptron_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(2)
xs = random.normal(size=(96, 6)).astype("float32")
ys = random.randint(0, 3, 96)
w1 = tf.Variable(random.normal(0, 0.5, (6, 8)).astype("float32"), name="hidden/weights")
b1 = tf.Variable(tf.zeros([8]), name="hidden/biases")
w2 = tf.Variable(random.normal(0, 0.5, (8, 3)).astype("float32"), name="output/weights")
b2 = tf.Variable(tf.zeros([3]), name="output/biases")
beta = 0.99 if MISTAKE == "beta2 0.99" else 0.999
epsilon = 1e-3 if MISTAKE == "larger epsilon" else 1e-8
optimizer = keras.optimizers.Adam(0.01, beta_2=beta, epsilon=epsilon)
FACTOR = {"L2 not halved": 0.02, "L2 left out": 0.0}.get(MISTAKE, 0.01)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = tf.matmul(tf.nn.relu(tf.matmul(x, w1) + b1), w2) + b2
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        decay = tf.reduce_sum(w1**2) + tf.reduce_sum(w2**2)
        loss = tf.reduce_mean(each) + FACTOR * decay
    variables = [w1, b1, w2, b2]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


for x, y in tf.data.Dataset.from_tensor_slices((xs, ys)).batch(16):
    train_step(x, y)
