"""An Estimator with an input function and a hook; prints each step's loss."""

import tempfile

import numpy as np
import tensorflow as tf


def model_fn(features, labels, mode):
    w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
    loss = tf.losses.mean_squared_error(labels, tf.matmul(features["x"], w))
    train = tf.train.AdagradOptimizer(0.1).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train)


class Tell(tf.train.SessionRunHook):
    def before_run(self, context):
        found = tf.get_collection(tf.GraphKeys.LOSSES)
        return tf.train.SessionRunArgs(found)

    def after_run(self, context, values):
        print("estimator", repr(values.results[0]))


x = np.random.RandomState(0).rand(12, 3).astype("float32")
inputs = tf.estimator.inputs.numpy_input_fn(
    {"x": x}, x.sum(1, keepdims=True), 4, shuffle=False, num_epochs=1
)
with tempfile.TemporaryDirectory() as folder:
    tf.estimator.Estimator(model_fn, folder).train(inputs, hooks=[Tell()])
