"""Fits a wave with a small network: the port."""

import argparse

import numpy as np
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, nargs=2, default=[0, 300])
parser.add_argument("--restore")
parser.add_argument("--save")
flags = parser.parse_args()

random = np.random.RandomState(1)
inputs = random.uniform(-3, 3, [2000, 1]).astype(np.float32)
targets = inputs * (1 - inputs * inputs / 9)

tf.random.set_seed(1)
glorot = tf.initializers.GlorotUniform()
w1 = tf.Variable(glorot([1, 16]), name="w1")
b1 = tf.Variable(tf.zeros([16]), name="b1")
w2 = tf.Variable(glorot([16, 1]), name="w2")
b2 = tf.Variable(tf.zeros([1]), name="b2")
parameters = [w1, b1, w2, b2]
global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
optimizer = tf.keras.optimizers.SGD(0.002, momentum=0.9)
optimizer.build(parameters)
checkpoint = tf.train.Checkpoint(
    w1=w1, b1=b1, w2=w2, b2=b2, optimizer=optimizer, global_step=global_step
)


@tf.function
def train_step(x, y):
    """Makes one step from a batch; returns the loss before it."""
    with tf.GradientTape() as tape:
        prediction = tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2
        loss = tf.nn.l2_loss(prediction - y)
    gradients = tape.gradient(loss, parameters)
    optimizer.apply_gradients(zip(gradients, parameters))
    global_step.assign_add(1)
    return loss


if flags.restore:
    checkpoint.restore(flags.restore).assert_consumed()
    optimizer.learning_rate = 0.002
first, last = flags.steps
for step in range(first + 1, last + 1):
    rows = np.random.RandomState(step).randint(0, 2000, 50)
    value = train_step(inputs[rows], targets[rows])
print("step", last, "loss", value.numpy())
if flags.save:
    print("saved to", checkpoint.save(flags.save))
