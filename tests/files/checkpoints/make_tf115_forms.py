"""Makes tests/files/checkpoints/tf115_forms: one small network of TensorFlow 1.15.5 in every form.

Each form holds the same weights, so that what is read from one can be held against another:
`model-5` is a checkpoint in the V1 format, `sharded-5` has a data file a device, `slices-5` has the
slots that TensorFlow 1 misnames when an optimizer inside a scope trains a partitioned variable.
"""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import tensorflow.compat.v1 as tf

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tf115_forms")
INPUTS = np.random.RandomState(0).standard_normal([8, 3]).astype(np.float32)


def dense_network() -> None:
    """Saves variables, Adam's slots and moving averages, then the graph in other forms."""
    inputs = tf.placeholder(tf.float32, [None, 3], name="inputs")
    with tf.device("/cpu:0"):
        kernel = tf.get_variable("dense/kernel", [3, 2])
    with tf.device("/cpu:1"):
        bias = tf.get_variable("dense/bias", [2])
    outputs = tf.identity(tf.matmul(inputs, kernel) + bias, name="outputs")
    update = tf.train.AdamOptimizer(0.01).minimize(tf.reduce_mean(outputs**2))
    average = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([update]):
        update = average.apply([kernel, bias])
    v1 = tf.train.Saver(write_version=tf.train.SaverDef.V1)
    sharded = tf.train.Saver(sharded=True)
    with tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        session.run(tf.global_variables_initializer())
        for _ in range(5):
            session.run(update, {inputs: INPUTS})
        v1.save(session, path("model"), 5, write_meta_graph=False, write_state=False)
        sharded.save(session, path("sharded"), 5, write_state=False, strip_default_attrs=True)
        graph = tf.graph_util.convert_variables_to_constants(
            session, tf.get_default_graph().as_graph_def(), ["outputs"]
        )
        with open(path("frozen.pb"), "wb") as file:
            file.write(graph.SerializeToString())
        np.savez(path("values.npz"), kernel=session.run(kernel), bias=session.run(bias))


def saved_model() -> None:
    """Exports the weights alone: the graph of the training would be 50 KB."""
    kernel, bias = tf.get_variable("dense/kernel", [3, 2]), tf.get_variable("dense/bias", [2])
    with tf.Session() as session:
        tf.train.Saver().restore(session, path("sharded-5"))
        builder = tf.saved_model.Builder(path("saved_model"))
        signature = tf.saved_model.predict_signature_def({"bias": bias}, {"kernel": kernel})
        builder.add_meta_graph_and_variables(session, ["serve"], {"weights": signature})
        builder.save()


def slices() -> None:
    """Saves the slots that have names of their own, one for each part."""
    with tf.variable_scope("model", partitioner=tf.fixed_size_partitioner(3)):
        table = tf.get_variable("table", [7, 2])
    rows = tf.nn.embedding_lookup(table, tf.constant([0, 3, 6]))
    with tf.variable_scope("train"):
        update = tf.train.AdamOptimizer(0.01).minimize(tf.reduce_mean(rows**2))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(update)
        tf.train.Saver().save(session, path("slices"), 5, write_meta_graph=False, write_state=False)


def keras() -> None:
    """Saves a model with its optimizer, and its weights in both forms."""
    layer = tf.keras.layers.Dense(2, input_shape=(3,), name="dense")
    model = tf.keras.Sequential([layer])
    model.compile("adam", "mse")
    model.fit(INPUTS, INPUTS[:, :2], epochs=3, verbose=0)
    model.save(path("whole.h5"))
    model.save_weights(path("weights.h5"))
    model.save_weights(path("weights"), save_format="tf")
    os.remove(path("checkpoint"))
    np.savez(path("keras.npz"), inputs=INPUTS, outputs=model.predict(INPUTS))


def path(name: str) -> str:
    """Returns where a file belongs."""
    return os.path.join(FOLDER, name)


def main() -> None:
    """Makes the folder anew."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.makedirs(FOLDER)
    for make in (dense_network, saved_model, slices, keras):
        tf.reset_default_graph()
        tf.keras.backend.clear_session()
        tf.set_random_seed(1)
        make()
    print("made by TensorFlow", tf.__version__, "on Python", sys.version.split()[0])


if __name__ == "__main__":
    main()
