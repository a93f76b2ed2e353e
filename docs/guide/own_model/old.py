"""Fits a wave with a small network: the program to be moved, as it has always been."""

import argparse

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_eager_execution()

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, nargs=2, default=[0, 300])
parser.add_argument("--restore")
parser.add_argument("--save")
flags = parser.parse_args()

random = np.random.RandomState(1)
inputs = random.uniform(-3, 3, [2000, 1]).astype(np.float32)
targets = inputs * (1 - inputs * inputs / 9)

tf.set_random_seed(1)
x = tf.placeholder(tf.float32, [None, 1], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
with tf.variable_scope("hidden"):
    w1 = tf.get_variable("kernel", [1, 16])
    b1 = tf.get_variable("bias", [16], initializer=tf.zeros_initializer())
with tf.variable_scope("output"):
    w2 = tf.get_variable("kernel", [16, 1])
    b2 = tf.get_variable("bias", [1], initializer=tf.zeros_initializer())
prediction = tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2
loss = tf.nn.l2_loss(prediction - y)
global_step = tf.train.get_or_create_global_step()
train = tf.train.MomentumOptimizer(0.002, 0.9).minimize(loss, global_step)
saver = tf.train.Saver()

with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    if flags.restore:
        saver.restore(session, flags.restore)
    first, last = flags.steps
    for step in range(first + 1, last + 1):
        rows = np.random.RandomState(step).randint(0, 2000, 50)
        _, value = session.run([train, loss], {x: inputs[rows], y: targets[rows]})
    print("step", last, "loss", value)
    if flags.save:
        print("saved to", saver.save(session, flags.save))
