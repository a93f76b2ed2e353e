"""Input pipelines, the TensorFlow 1 way: queues and their threads, iterators run by a Session.

A file of 23 examples, read in batches of 5 for 2 epochs. Both styles print the same lines: which
examples are in each batch, in their order, and the sum of their values.

Twin:  tf2_style/input_pipeline.py
Run:   python -m tf1_style.input_pipeline
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program.command_line import exit_code_of

EXAMPLES, BATCH, EPOCHS, SEED = 23, 5, 2, 7

# ---- RECORDS ---------------------------------------------------------------------------------


def write(path):
    """Writes EXAMPLES examples to a TFRecord file: an id, and three values drawn from SEED."""
    random = np.random.RandomState(SEED)
    with tf.python_io.TFRecordWriter(path) as writer:
        for number in range(EXAMPLES):
            features = {
                "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[number])),
                "values": tf.train.Feature(float_list=tf.train.FloatList(value=random.rand(3))),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def parse(record):
    """Returns the id, int64, and the values, float32 [3], of a serialized example."""
    # A record does not say what is in it. A type that is not the one written is an error.
    features = {
        "id": tf.FixedLenFeature([], tf.int64),
        "values": tf.FixedLenFeature([3], tf.float32),
    }
    parsed = tf.parse_single_example(record, features)
    return parsed["id"], parsed["values"]


# ---- QUEUES ----------------------------------------------------------------------------------


def queue(path):
    """Returns the batches of all epochs in the order of the file; one batch is of two epochs."""
    with tf.Graph().as_default(), tf.Session() as session:
        # Two queues, each filled by a thread: of file names, and of parsed examples.
        names = tf.train.string_input_producer([path], num_epochs=EPOCHS, shuffle=False)
        _, record = tf.TFRecordReader().read(names)
        # Without the flag the last examples, too few for a batch, are dropped in silence. With
        # more than one thread the order is another in every run.
        batch = tf.train.batch(parse(record), BATCH, allow_smaller_final_batch=True)
        # The count of epochs is a local variable, which the other initializer leaves out.
        session.run(tf.local_variables_initializer())
        coordinator = tf.train.Coordinator()
        # Without it the queues stay empty, and the first run waits for ever.
        threads = tf.train.start_queue_runners(session, coordinator)
        batches = run_until_the_end(session, batch)
        coordinator.request_stop()
        coordinator.join(threads)  # raises what a thread has raised
        return batches


def run_until_the_end(session, batch):
    """Returns the values of `batch`, run again and again until there are no more."""
    batches = []
    while True:
        try:
            batches.append(session.run(batch))
        except tf.errors.OutOfRangeError:  # how a queue, and an iterator, say that they are empty
            return batches


# ---- EPOCH -----------------------------------------------------------------------------------


def one_epoch(path):
    """Returns the batches of one epoch in the order of the file; the last has three examples."""
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.TFRecordDataset(path).map(parse).batch(BATCH)
        # The node to fetch. Made in a loop, each step would add another one to the graph.
        batch = tf.data.make_one_shot_iterator(dataset).get_next()
        return run_until_the_end(session, batch)


# ---- EPOCHS ----------------------------------------------------------------------------------


def epochs(path):
    """Returns the batches of all epochs, each epoch in an order of its own."""
    with tf.Graph().as_default(), tf.Session() as session:
        epoch = tf.placeholder(tf.int64, [], name="epoch")
        dataset = shuffle(tf.data.TFRecordDataset(path).map(parse), epoch).batch(BATCH)
        # One-shot iterators take no placeholder. This one starts again at every initialization.
        iterator = tf.data.make_initializable_iterator(dataset)
        batch, batches = iterator.get_next(), []
        for number in range(EPOCHS):
            session.run(iterator.initializer, {epoch: number})
            batches.extend(run_until_the_end(session, batch))
        return batches


def shuffle(dataset, epoch):
    """Returns a dataset of the same examples in an order that SEED and the epoch alone decide."""

    def reorder(ids, values):
        # Stateless: the same numbers in any style, and different in each epoch. `dataset.shuffle`
        # starts over when an iterator is initialized, and goes on when a dataset is iterated again.
        seed = tf.stack([tf.constant(SEED, tf.int64), epoch])
        order = tf.argsort(tf.random.stateless_uniform(tf.shape(ids), seed))
        return tf.data.Dataset.from_tensor_slices((tf.gather(ids, order), tf.gather(values, order)))

    return dataset.batch(EXAMPLES).flat_map(reorder)


# ---- PROGRAM ---------------------------------------------------------------------------------

SECTIONS = [queue, one_epoch, epochs]


def show(batches):
    """Prints a line for each batch: the ids of its examples, and the sum of all their values."""
    for number, (ids, values) in enumerate(batches, start=1):
        print(f"  batch {number:<3} {ids.tolist()!s:<22} {values.sum(dtype=np.float64):.4f}")


def main(arguments=None):
    """Prints every section; returns the exit code."""
    as_written = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=as_written).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "examples.tfrecord")
        write(path)
        for section in SECTIONS:
            print(section.__name__.replace("_", " "))
            show(section(path))
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(main))
