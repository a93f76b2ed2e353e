"""Input pipelines, the TensorFlow 2 way: datasets, iterated like any Python sequence.

A file of 23 examples, read in batches of 5 for 2 epochs. Both styles print the same lines: which
examples are in each batch, in their order, and the sum of their values.

Twin:  tf1_style/input_pipeline.py
Run:   python -m tf2_style.input_pipeline
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

from shared.program.command_line import exit_code_of

EXAMPLES, BATCH, EPOCHS, SEED = 23, 5, 2, 7

# ---- RECORDS ---------------------------------------------------------------------------------


def write(path):
    """Writes EXAMPLES examples to a TFRecord file: an id, and three values drawn from SEED."""
    random = np.random.RandomState(SEED)
    with tf.io.TFRecordWriter(path) as writer:
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
        "id": tf.io.FixedLenFeature([], tf.int64),
        "values": tf.io.FixedLenFeature([3], tf.float32),
    }
    parsed = tf.io.parse_single_example(record, features)
    return parsed["id"], parsed["values"]


# ---- QUEUES ----------------------------------------------------------------------------------


def queue(path):
    """Returns the batches of all epochs in the order of the file; one batch is of two epochs."""
    # No queue, no thread to start or to join, no variable: a dataset has all of it inside.
    dataset = tf.data.TFRecordDataset(path).map(parse)
    # Repeated before it is batched, or every epoch would end with a smaller batch. The last batch
    # of all stays unless `drop_remainder` drops it.
    dataset = dataset.repeat(EPOCHS).batch(BATCH)
    return run_until_the_end(dataset)


def run_until_the_end(dataset):
    """Returns the batches of a dataset until there are no more."""
    return list(dataset.as_numpy_iterator())  # the end of the loop is no exception


# ---- EPOCH -----------------------------------------------------------------------------------


def one_epoch(path):
    """Returns the batches of one epoch in the order of the file; the last has three examples."""
    dataset = tf.data.TFRecordDataset(path).map(parse).batch(BATCH)
    # A second loop over it starts again at the first example.
    return run_until_the_end(dataset)


# ---- EPOCHS ----------------------------------------------------------------------------------


def epochs(path):
    """Returns the batches of all epochs, each epoch in an order of its own."""
    records, batches = tf.data.TFRecordDataset(path).map(parse), []
    for number in range(EPOCHS):
        # A dataset for each epoch: what was fed to the initializer is an argument.
        dataset = shuffle(records, tf.constant(number, tf.int64)).batch(BATCH)
        batches.extend(run_until_the_end(dataset))
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
