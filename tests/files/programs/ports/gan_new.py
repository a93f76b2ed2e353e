"""The port of gan_old.py; its argument is a mistake to make."""

import sys

import keras
import numpy as np
import tensorflow as tf

MISTAKE = sys.argv[1] if sys.argv[1:] else ""
random = np.random.RandomState(4)


def weights(name, *shape):
    return tf.Variable(random.normal(0, 0.5, shape).astype("float32"), name=name)


of_g = [weights("g/w1", 3, 8), weights("g/w2", 8, 4)]
of_d = [weights("d/w1", 4, 6), weights("d/w2", 6, 1)]
BETA = 0.9 if MISTAKE == "Keras's beta" else 0.5
d_optimizer = keras.optimizers.Adam(0.01, BETA, epsilon=1e-8)
g_optimizer = keras.optimizers.Adam(0.01, BETA, epsilon=1e-8)


def network(of, x):
    return tf.matmul(tf.nn.tanh(tf.matmul(x, of[0])), of[1])


def entropy(logits, target):
    labels = target * tf.ones_like(logits)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))


@tf.function
def train_d(real, noise):
    with tf.GradientTape() as tape:
        fake = network(of_d, network(of_g, noise))
        loss = entropy(network(of_d, real), 1.0) + entropy(fake, 0.0)
        loss *= 0.5 if MISTAKE == "half of the loss" else 1.0
        if MISTAKE == "labels exchanged":
            loss = entropy(network(of_d, real), 0.0) + entropy(fake, 1.0)
    d_optimizer.apply_gradients(zip(tape.gradient(loss, of_d), of_d))


@tf.function
def train_g(real, noise):
    with tf.GradientTape() as tape:
        loss = entropy(network(of_d, network(of_g, noise)), 1.0)
    g_optimizer.apply_gradients(zip(tape.gradient(loss, of_g), of_g))


order = [train_d, train_g]
if MISTAKE == "generator first":
    order.reverse()
for number in range(4):
    batch = np.random.RandomState(number)
    real, noise = batch.normal(size=(8, 4)), batch.normal(size=(8, 3))
    for train in order:
        train(real.astype("float32"), noise.astype("float32"))
