"""Fits a wave with a small network: the program to be moved, with its recording added."""

import argparse

import numpy as np
import tensorflow.compat.v1 as tf

from trace_recorder import TraceRecorder  # a copy of shared/trace_recorder.py

tf.disable_eager_execution()

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, nargs=2, default=[0, 300])
parser.add_argument("--restore")
parser.add_argument("--save")
parser.add_argument("--trace", required=True)
flags = parser.parse_args()

random = np.random.RandomState(1)
inputs = random.uniform(-3, 3, [2000, 1]).astype(np.float32)
targets = inputs * (1 - inputs * inputs / 9)  # a wave; np.sin has other last bits in another NumPy
initial = random.normal(0, 0.5, [2, 16]).astype(np.float32)

x = tf.placeholder(tf.float32, [None, 1])
y = tf.placeholder(tf.float32, [None, 1])
with tf.variable_scope("hidden"):
    w1 = tf.get_variable("kernel", initializer=initial[:1])
    b1 = tf.get_variable("bias", initializer=np.zeros(16, np.float32))
with tf.variable_scope("output"):
    w2 = tf.get_variable("kernel", initializer=initial[1:].T)
    b2 = tf.get_variable("bias", initializer=np.zeros(1, np.float32))
prediction = tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2
loss = tf.nn.l2_loss(prediction - y)

global_step = tf.train.get_or_create_global_step()
optimizer = tf.train.MomentumOptimizer(0.002, 0.9)
parameters = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
pairs = optimizer.compute_gradients(loss, list(parameters.values()))
train = optimizer.apply_gradients(pairs, global_step)
gradients = dict(zip(parameters, [gradient for gradient, _ in pairs]))
slots = {name: optimizer.get_slot(value, "momentum") for name, value in parameters.items()}
saver = tf.train.Saver()

with tf.Session() as session, TraceRecorder(flags.trace, model="wave", every=100) as recorder:
    session.run(tf.global_variables_initializer())
    if flags.restore:
        saver.restore(session, flags.restore)
    first, last = flags.steps
    recorder.record_initial(*session.run([parameters, slots]), step=first)
    for step in range(first + 1, last + 1):
        rows = np.random.RandomState(step).randint(0, 2000, 50)
        feed = {x: inputs[rows], y: targets[rows]}
        # Before the update; what was one run is two, because a run of both has no order.
        before = session.run([loss, prediction, gradients], feed)
        session.run(train, feed)
        after = session.run([slots, parameters])
        recorder.record(
            step,
            before[0],
            batch=[feed[x], feed[y]],
            logits=before[1],
            gradients=before[2],
            slots=after[0],
            variables=after[1],
        )
    print("step", last, "loss", before[0])
    if flags.save:
        print("saved to", saver.save(session, flags.save))
