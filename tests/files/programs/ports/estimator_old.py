"""An Estimator: a sum of embeddings, whose gradient is sparse, with Adagrad."""

import tempfile

import numpy as np
import tensorflow as tf

random = np.random.RandomState(8)
START = random.normal(size=(9, 4)).astype("float32"), random.normal(size=(4, 1)).astype("float32")


def model_fn(features, labels, mode):
    table = tf.get_variable("table", initializer=START[0])
    w = tf.get_variable("w", initializer=START[1])
    found = tf.reduce_sum(tf.nn.embedding_lookup(table, features["ids"]), 1)
    loss = tf.losses.mean_squared_error(labels, tf.matmul(found, w))
    train = tf.train.AdagradOptimizer(0.05).minimize(loss, tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train)


ids = random.randint(0, 9, (40, 3))
targets = random.normal(size=(40, 1)).astype("float32")
inputs = tf.estimator.inputs.numpy_input_fn({"ids": ids}, targets, 8, shuffle=False, num_epochs=1)
with tempfile.TemporaryDirectory() as folder:
    tf.estimator.Estimator(model_fn, folder).train(inputs)
