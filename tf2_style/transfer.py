"""Transfer learning, the TensorFlow 2 way: objects for a checkpoint, functions for a graph.

A network trained on digits left a checkpoint with its graph, and a frozen graph. Its layers stay as
they are, and a new last layer learns ten kinds of clothes. Both styles print the same lines, but
for the last digit of what is exported.

Twin: tf1_style/transfer.py. Run: python -m tf2_style.transfer, after the twin has made the files.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import truncated_normal
from shared.data.two_tasks import clothes, digits
from shared.errors import CheckpointError
from shared.program.sections import print_sections
from tf2_style import tf1_adam

OLD_STEPS, STEPS, RATE, SEED, SHOWN = 20, 20, 1e-3, 7, 200
IMAGES, LABELS = tf.TensorSpec([None, 784], tf.float32), tf.TensorSpec([None], tf.int64)

# ---- NETWORK ---------------------------------------------------------------------------------

# The convolutional network of the pair `cnn`, by its names.
LAYERS = {"conv1_weights": [5, 5, 1, 32], "conv1_biases": [32]}
LAYERS.update(conv2_weights=[5, 5, 32, 64], conv2_biases=[64])
LAYERS.update(dense_weights=[7 * 7 * 64, 1024], dense_biases=[1024])
HEAD = {"output_weights": [1024, 10], "output_biases": [10]}


def create(shapes):
    """Creates variables of these names and shapes, normal from SEED; returns them by name."""
    random = np.random.RandomState(SEED)
    values = {name: truncated_normal(shape, 0.1, random) for name, shape in shapes.items()}
    # The name is not only for people here: `restore` looks for it in a file of a Saver.
    return {name: tf.Variable(value, name=name) for name, value in values.items()}


def features(images, layers):
    """Returns what the layers make of images [batch, 784]: [batch, 1024]."""
    pixels = tf.reshape(images, [-1, 28, 28, 1])
    conv1 = tf.nn.conv2d(pixels, layers["conv1_weights"], strides=1, padding="SAME")
    pool1 = tf.nn.max_pool2d(tf.nn.relu(conv1 + layers["conv1_biases"]), 2, 2, "SAME")
    conv2 = tf.nn.conv2d(pool1, layers["conv2_weights"], strides=1, padding="SAME")
    pool2 = tf.nn.max_pool2d(tf.nn.relu(conv2 + layers["conv2_biases"]), 2, 2, "SAME")
    flat = tf.reshape(pool2, [-1, 7 * 7 * 64])
    return tf.nn.relu(tf.matmul(flat, layers["dense_weights"]) + layers["dense_biases"])


def classify(hidden, head):
    """Returns the logits [batch, 10] of features [batch, 1024]."""
    return tf.matmul(hidden, head["output_weights"]) + head["output_biases"]


def loss(logits, labels):
    """Returns the mean cross-entropy of logits [batch, 10] and int64 labels [batch]."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(losses)


# ---- RESTORE ---------------------------------------------------------------------------------


def restored(path):
    """Returns the variables of the new network, its layers restored from a checkpoint."""
    layers, head = create(LAYERS), create(HEAD)
    # The names of the arguments count in a file of a Checkpoint, those of variables in a Saver's.
    status = tf.train.Checkpoint(**layers).restore(path)
    # Extra entries in the file are allowed, missing ones are not: `expect_partial` alone would
    # accept that nothing was restored.
    status.expect_partial().assert_existing_objects_matched()
    return {name: variable.numpy() for name, variable in {**layers, **head}.items()}


# ---- FREEZE ----------------------------------------------------------------------------------


def fine_tuned(path):
    """Trains a new head on the layers of a checkpoint; returns what `tune` does, and the layers."""
    layers, head = create(LAYERS), create(HEAD)
    # A value for each variable, by its name in the file, which may be any other one than here.
    for name, variable in layers.items():
        variable.assign(tf.train.load_variable(path, name))
    results = tune(lambda images: features(images, layers), head)
    export(layers, head, path + "-new")
    return dict(results, **{name: variable.numpy() for name, variable in layers.items()})


def tune(extract, head):
    """Trains a new head on the features of clothes; returns losses [steps], the head after each."""
    optimizer = tf1_adam.TF1Adam(RATE)
    optimizer.build(list(head.values()))

    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(images, labels):
        with tf.GradientTape() as tape:
            batch_loss = loss(classify(extract(images), head), labels)
        # Only the head is asked for, and only what is asked for moves.
        gradients = tape.gradient(batch_loss, list(head.values()))
        optimizer.apply_gradients(list(zip(gradients, head.values())))
        return batch_loss

    losses, heads = [], []
    for batch in clothes().batches(range(STEPS)):
        losses.append(train_step(*batch).numpy())
        heads.append({name: variable.numpy() for name, variable in head.items()})
    answers = tf.function(lambda images: classify(extract(images), head))(
        tf.constant(clothes().test_images[:SHOWN])
    )
    results = {name: np.stack([each[name] for each in heads]) for name in HEAD}
    return dict(results, losses=np.stack(losses), logits=answers.numpy())


# ---- META ------------------------------------------------------------------------------------


def continued(path):
    """Runs the old graph from its file: logits of digits, then losses of more training."""

    def read():
        tf.compat.v1.train.import_meta_graph(path + ".meta")

    # The graph becomes a function with its variables inside; `prune` cuts functions out of it.
    graph = tf.compat.v1.wrap_function(read, [])
    # The names are those of a graph's first Saver, made outside of scopes. For any other, ask
    # `saver_def` of what import_meta_graph returns: filename_tensor_name and restore_op_name.
    graph.prune("save/Const:0", "save/restore_all")(tf.constant(path))
    predict = graph.prune("images:0", "logits:0")
    train_step = graph.prune(["images:0", "labels:0"], ["loss:0", "train"])
    logits = predict(tf.constant(digits().test_images[:SHOWN]))
    losses = []
    for batch in digits().batches(range(OLD_STEPS, OLD_STEPS + 3)):
        losses.append(train_step(*map(tf.constant, batch))[0].numpy())
    return {"losses": np.stack(losses), "logits": logits.numpy()}


# ---- FROZEN ----------------------------------------------------------------------------------


def read_frozen(path):
    """Returns a frozen graph as a function to be pruned."""
    graph_def = tf.compat.v1.GraphDef()
    with tf.io.gfile.GFile(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    return tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph_def, name=""), []
    )


def served(path):
    """Returns the logits of digits by the frozen graph beside a checkpoint."""
    return serve(read_frozen(path + ".pb").prune("images:0", "logits:0"), digits())


def serve(predict, data):
    """Returns the logits of the first test images by a function."""
    return {"logits": predict(tf.constant(data.test_images[:SHOWN])).numpy()}


def retrained(path):
    """Trains a new head on the features of the frozen graph; returns what `tune` does."""
    # Its layers are constants: nothing can train them.
    return tune(read_frozen(path + ".pb").prune("images:0", "features:0"), create(HEAD))


# ---- EXPORT ----------------------------------------------------------------------------------


def export(layers, head, path):
    """Writes the network up to its logits into a folder, the variables beside the graph."""
    served = tf.Module()
    served.variables_by_name = {**layers, **head}

    @tf.function(input_signature=[IMAGES])
    def predict(images):
        return classify(features(images, layers), head)

    served.predict = predict
    tf.saved_model.save(served, path)


def exported(path):
    """Returns the logits of clothes by the network that `fine_tuned` has exported."""
    loaded = tf.saved_model.load(path + "-new")  # to be kept: a function alone loses its variables
    return serve(loaded.predict, clothes())


# ---- OLD -------------------------------------------------------------------------------------


def old_model(folder):
    """Returns the path of the old checkpoint in `folder`; TensorFlow 2 writes no such files."""
    path = os.path.join(folder, "model")
    if os.path.exists(path + ".meta"):
        return path
    raise CheckpointError(
        f"--old: expected the files of `python -m tf1_style.transfer`, found none in {folder}"
    )


# ---- PROGRAM ---------------------------------------------------------------------------------

SECTIONS = [restored, fine_tuned, continued, served, retrained, exported]


def main(arguments=None):
    """Prints every section; returns the exit code."""
    return print_sections(__doc__, old_model, SECTIONS, arguments)


if __name__ == "__main__":
    sys.exit(main())
