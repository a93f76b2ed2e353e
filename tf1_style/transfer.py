"""Transfer learning, the TensorFlow 1 way: parts of graphs and files, picked by their names.

A network trained on digits left a checkpoint with its graph, and a frozen graph. Its layers stay as
they are, and a new last layer learns ten kinds of clothes. Both styles print the same lines, but
for the last digit of what is exported.

Twin: tf2_style/transfer.py. Run: python -m tf1_style.transfer; it makes the old files if need be.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.data.initial_values import truncated_normal
from shared.data.two_tasks import clothes, digits
from shared.program.sections import print_sections

OLD_STEPS, STEPS, RATE, SEED, SHOWN = 20, 20, 1e-3, 7, 200

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
    # In a graph and a file it has this name after those of the scopes around it.
    return {name: tf.get_variable(name, initializer=value) for name, value in values.items()}


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
    with tf.Graph().as_default(), tf.Session() as session:
        layers, head = create(LAYERS), create(HEAD)
        # A Saver of all variables would take the old head too: it has the same names and shapes.
        saver = tf.train.Saver(layers)
        # First, or the initializer would overwrite what was restored.
        session.run(tf.global_variables_initializer())
        saver.restore(session, path)
        return session.run({**layers, **head})


# ---- FREEZE ----------------------------------------------------------------------------------


def fine_tuned(path):
    """Trains a new head on the layers of a checkpoint; returns what `tune` does, and the layers."""
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 784], name="images")
        with tf.variable_scope("layers"):
            layers = create(LAYERS)
        # Replaces initializers, so it comes before they run. Every variable of the scope must be in
        # the file, under the rest of its name.
        tf.train.init_from_checkpoint(path, {"/": "layers/"})
        hidden = tf.identity(features(images, layers), name="features")
        results = tune(session, images, hidden, create(HEAD))
        export(session, path + "-new.pb")
        return dict(results, **session.run(layers))


def tune(session, images, hidden, head):
    """Trains a new head on the features of clothes; returns losses [steps], the head after each."""
    labels = tf.placeholder(tf.int64, [None], name="labels")
    logits = tf.identity(classify(hidden, head), name="logits")
    batch_loss = loss(logits, labels)
    # Without `var_list`, all trainable variables of the graph would move, the layers too.
    train_op = tf.train.AdamOptimizer(RATE).minimize(batch_loss, var_list=list(head.values()))
    session.run(tf.global_variables_initializer())
    losses, heads = [], []
    for batch in clothes().batches(range(STEPS)):
        feed_dict = dict(zip([images, labels], batch))
        losses.append(session.run([batch_loss, train_op], feed_dict)[0])
        heads.append(session.run(head))
    answers = session.run(logits, {images: clothes().test_images[:SHOWN]})
    results = {name: np.stack([each[name] for each in heads]) for name in HEAD}
    return dict(results, losses=np.stack(losses), logits=answers)


# ---- META ------------------------------------------------------------------------------------


def continued(path):
    """Runs the old graph from its file: logits of digits, then losses of more training."""
    with tf.Graph().as_default(), tf.Session() as session:
        # Placeholders, variables, optimizer: all is there, by its name, without the model's code.
        saver = tf.train.import_meta_graph(path + ".meta")
        saver.restore(session, path)
        logits = session.run("logits:0", {"images:0": digits().test_images[:SHOWN]})
        losses = []
        for batch in digits().batches(range(OLD_STEPS, OLD_STEPS + 3)):
            feed_dict = dict(zip(["images:0", "labels:0"], batch))
            losses.append(session.run(["loss:0", "train"], feed_dict)[0])
        return {"losses": np.stack(losses), "logits": logits}


# ---- FROZEN ----------------------------------------------------------------------------------


def read_frozen(path):
    """Returns the images, features and logits of a frozen graph."""
    graph_def = tf.GraphDef()
    with tf.gfile.GFile(path, "rb") as file:
        graph_def.ParseFromString(file.read())
    return tf.import_graph_def(graph_def, None, ["images:0", "features:0", "logits:0"], name="")


def served(path):
    """Returns the logits of digits by the frozen graph beside a checkpoint."""
    return serve(path + ".pb", digits())


def serve(path, data):
    """Returns the logits of the first test images by a frozen graph."""
    with tf.Graph().as_default(), tf.Session() as session:
        images, _, logits = read_frozen(path)
        return {"logits": session.run(logits, {images: data.test_images[:SHOWN]})}


def retrained(path):
    """Trains a new head on the features of the frozen graph; returns what `tune` does."""
    with tf.Graph().as_default(), tf.Session() as session:
        # Its layers are constants: nothing can train them.
        images, hidden, _ = read_frozen(path + ".pb")
        return tune(session, images, hidden, create(HEAD))


# ---- EXPORT ----------------------------------------------------------------------------------


def export(session, path):
    """Writes the graph up to `logits` into one file, with the variables as constants."""
    # Their values of now: train on, and the file still has the old ones.
    graph_def = session.graph.as_graph_def()
    graph_def = tf.graph_util.convert_variables_to_constants(session, graph_def, ["logits"])
    with tf.gfile.GFile(path, "wb") as file:
        file.write(graph_def.SerializeToString())


def exported(path):
    """Returns the logits of clothes by the network that `fine_tuned` has exported."""
    return serve(path + "-new.pb", clothes())


# ---- OLD -------------------------------------------------------------------------------------


def old_model(folder, trained=None):
    """Returns the path of the old checkpoint in `folder`; makes it, or takes `trained` of cnn."""
    path = os.path.join(folder, "model")
    if os.path.exists(path + ".meta"):  # the last that is written
        return path
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(tf.float32, [None, 784], name="images")
        labels = tf.placeholder(tf.int64, [None], name="labels")
        variables = create({**LAYERS, **HEAD})
        hidden = tf.identity(features(images, variables), name="features")
        logits = tf.identity(classify(hidden, variables), name="logits")
        batch_loss = tf.identity(loss(logits, labels), name="loss")
        train_op = tf.train.AdamOptimizer(RATE).minimize(batch_loss, name="train")
        if trained:
            tf.train.init_from_checkpoint(trained, variables)
        session.run(tf.global_variables_initializer())
        for batch in digits().batches(range(0 if trained else OLD_STEPS)):
            session.run(train_op, dict(zip([images, labels], batch)))
        os.makedirs(folder, exist_ok=True)
        export(session, path + ".pb")
        # Also writes model.meta, the graph, after the values.
        tf.train.Saver().save(session, path, write_state=False)
    return path


# ---- PROGRAM ---------------------------------------------------------------------------------

SECTIONS = [restored, fine_tuned, continued, served, retrained, exported]


def main(arguments=None):
    """Prints every section; returns the exit code."""
    return print_sections(__doc__, old_model, SECTIONS, arguments)


if __name__ == "__main__":
    sys.exit(main())
