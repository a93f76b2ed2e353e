"""The port of estimator_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(8)
table = tf.Variable(random.normal(size=(9, 4)).astype("float32"), name="table")
w = tf.Variable(random.normal(size=(4, 1)).astype("float32"), name="w")
ids = random.randint(0, 9, (40, 3))
targets = random.normal(size=(40, 1)).astype("float32")
start = 0.01 if MISTAKE == "another start" else 0.1
rate = 0.1 if MISTAKE == "learning rate" else 0.05
optimizer = keras.optimizers.Adagrad(rate, initial_accumulator_value=start, epsilon=0.0)

for x, y in tf.data.Dataset.from_tensor_slices((ids, targets)).batch(8):
    with tf.GradientTape() as tape:
        found = tf.reduce_sum(tf.nn.embedding_lookup(table, x), 1)
        if MISTAKE == "mean for sum":
            found = tf.reduce_mean(tf.nn.embedding_lookup(table, x), 1)
        loss = tf.reduce_mean(tf.square(tf.matmul(found, w) - y))
        loss *= 1.5 if MISTAKE == "loss weighted" else 1.0
    gradients = tape.gradient(loss, [table, w])
    # TensorFlow 1 sums the rows of an id that comes twice before it squares them.
    gradients[0] = tf.convert_to_tensor(gradients[0])
    optimizer.apply_gradients(zip(gradients, [table, w]))
