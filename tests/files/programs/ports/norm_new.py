"""The port of norm_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(6)
w1 = tf.Variable(random.normal(0, 0.5, (6, 8)).astype("float32"), name="w1")
w2 = tf.Variable(random.normal(0, 0.5, (8, 1)).astype("float32"), name="w2")
gamma, beta = tf.Variable(tf.ones([8]), name="gamma"), tf.Variable(tf.zeros([8]), name="beta")
mean = tf.Variable(tf.zeros([8]), trainable=False, name="moving_mean")
variance = tf.Variable(tf.ones([8]), trainable=False, name="moving_variance")
optimizer = keras.optimizers.SGD(0.02, momentum=0.9)
DECAY = 0.99 if MISTAKE == "another decay" else 0.9
EPSILON = 1e-5 if MISTAKE == "another epsilon" else 1e-3


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        before = tf.matmul(x, w1)
        of_batch, squares = tf.nn.moments(before, [0])
        normal = tf.nn.batch_normalization(before, of_batch, squares, beta, gamma, EPSILON)
        error = tf.matmul(tf.nn.relu(normal), w2) - y
        loss = tf.reduce_mean(error**2)
        if MISTAKE == "absolute differences":
            loss = tf.reduce_mean(abs(error))
    variables = [w1, w2, gamma, beta]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
    if MISTAKE != "averages not moved":
        mean.assign(DECAY * mean + (1 - DECAY) * of_batch)
        variance.assign(DECAY * variance + (1 - DECAY) * squares)


for _ in range(5):
    batch = random.normal(size=(16, 6))
    train_step(batch.astype("float32"), batch.sum(1, keepdims=True).astype("float32"))
