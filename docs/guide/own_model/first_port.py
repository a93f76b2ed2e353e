"""Fits a wave with a small network: the port."""

import argparse

import numpy as np
import tensorflow as tf

from trace_recorder import TraceRecorder  # a copy of shared/trace_recorder.py

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, nargs=2, default=[0, 300])
parser.add_argument("--restore")
parser.add_argument("--save")
parser.add_argument("--trace", required=True)
flags = parser.parse_args()

RATE = 0.002

random = np.random.RandomState(1)
inputs = random.uniform(-3, 3, [2000, 1]).astype(np.float32)
targets = inputs * (1 - inputs * inputs / 9)  # a wave; np.sin has other last bits in another NumPy
initial = random.normal(0, 0.5, [2, 16]).astype(np.float32)

w1 = tf.Variable(initial[:1])
b1 = tf.Variable(np.zeros(16, np.float32))
w2 = tf.Variable(initial[1:].T)
b2 = tf.Variable(np.zeros(1, np.float32))
parameters = {"w1": w1, "b1": b1, "w2": w2, "b2": b2}
global_step = tf.Variable(0, dtype=tf.int64)
optimizer = tf.keras.optimizers.SGD(RATE, momentum=0.9)
optimizer.build(list(parameters.values()))
checkpoint = tf.train.Checkpoint(optimizer=optimizer, global_step=global_step, **parameters)


@tf.function
def differentiate(x, y):
    """Returns the loss of a batch, its predictions and its gradients by name."""
    with tf.GradientTape() as tape:
        prediction = tf.matmul(tf.tanh(tf.matmul(x, w1) + b1), w2) + b2
        loss = tf.reduce_mean(tf.square(prediction - y))
    return loss, prediction, tape.gradient(loss, parameters)


@tf.function
def update(gradients):
    """Applies gradients by name and counts the step."""
    optimizer.apply_gradients([(gradients[name], parameters[name]) for name in parameters])
    global_step.assign_add(1)


def numbers(tensors):
    """Returns the arrays of tensors by name."""
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def slots():
    """Returns the momentum by name, as TensorFlow 1 keeps it: Keras has it times -rate."""
    kept = dict(zip(parameters, optimizer.variables[2:]))
    return {name: 0 - slot.numpy() / np.float32(RATE) for name, slot in kept.items()}


with TraceRecorder(flags.trace, model="wave", every=100) as recorder:
    if flags.restore:
        checkpoint.restore(flags.restore).assert_consumed()
        optimizer.learning_rate = RATE
    first, last = flags.steps
    recorder.record_initial(numbers(parameters), slots(), step=first)
    for step in range(first + 1, last + 1):
        rows = np.random.RandomState(step).randint(0, 2000, 50)
        loss, prediction, gradients = differentiate(inputs[rows], targets[rows])
        update(gradients)
        recorder.record(
            step,
            loss.numpy(),
            batch=[inputs[rows], targets[rows]],
            logits=prediction.numpy(),
            gradients=numbers(gradients),
            slots=slots(),
            variables=numbers(parameters),
        )
    print("step", last, "loss", loss.numpy())
    if flags.save:
        print("saved to", checkpoint.save(flags.save))
