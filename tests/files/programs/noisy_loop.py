"""The port of noisy_old.py to a custom loop."""

import sys

import numpy as np
import tensorflow as tf

EPSILON = float(sys.argv[1]) if sys.argv[1:] else 1e-8
glorot = tf.initializers.GlorotUniform()
w1, b1 = tf.Variable(glorot([6, 8]), name="w1"), tf.Variable(tf.zeros([8]), name="b1")
w2, b2 = tf.Variable(glorot([8, 3]), name="w2"), tf.Variable(tf.zeros([3]), name="b2")
optimizer = tf.keras.optimizers.Adam(0.01, epsilon=EPSILON)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        hidden = tf.nn.relu(tf.matmul(tf.nn.dropout(x, 0.2), w1) + b1)
        logits = tf.matmul(tf.nn.dropout(hidden, 0.2), w2) + b2
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(each)
    variables = [w1, b1, w2, b2]
    optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


for _ in range(10):
    train_step(np.random.rand(16, 6).astype("float32"), np.random.randint(0, 3, 16).astype("int32"))
