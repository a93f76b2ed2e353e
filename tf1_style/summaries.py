"""What TensorBoard shows of a model, the TensorFlow 1 way: operations that a run fetches.

Twin:  tf2_style/summaries.py
"""

from __future__ import annotations

import tensorflow.compat.v1 as tf


class SummaryWriter:
    """Writes loss, accuracy, learning rate and parameters to an event file, and the graph."""

    def __init__(self, model, directory):
        self.model = model
        with model.graph.as_default():  # outside of any graph, TensorFlow 2 refuses a FileWriter
            self.packed = self.create()
            # The file is named by the second: without the suffix, a run that goes on from another
            # within it empties the other's file. So do two that start at one step, suffix or not.
            self.writer = tf.summary.FileWriter(directory, filename_suffix=f".{model.step()}")
        self.writer.add_graph(model.graph)  # with the initial values, which are constants in it

    def create(self):
        """Returns the operation that packs all summaries."""
        model = self.model
        # Operations like any other: a run that does not fetch them writes nothing. The tag is the
        # operation's name; where that is taken, even by a variable, TensorFlow 1 appends `_1`.
        # They must be there before the first `train_steps`, which finalizes the graph. `test_loss`
        # is that of the averaged weights, where a model predicts with them.
        tf.summary.scalar("loss", getattr(model, "test_loss", model.batch_loss))
        if hasattr(model, "batch_correct"):
            tf.summary.scalar("accuracy", model.batch_correct / tf.shape(model.batch[0])[0])
        # A rate that falls is a node of the graph.
        rate = getattr(model, "learning_rate", model.config.learning_rate)
        tf.summary.scalar("learning_rate", rate)
        for name, parameter in model.parameters.items():
            if parameter.shape.ndims == 0:  # the weight or the bias of a fitted line
                tf.summary.scalar("line/" + name, parameter)
            tf.summary.histogram("parameters/" + name, parameter)
        return tf.summary.merge_all()

    def write(self, *batch):
        """Writes the summaries of this step, measured on one batch."""
        feed_dict = dict(zip(self.model.batch, batch))
        packed = self.model.session.run(self.packed, feed_dict)  # bytes, not yet written
        self.writer.add_summary(packed, self.model.step())
        self.writer.flush()  # otherwise TensorBoard sees it up to two minutes later

    def close(self):
        """Ends the event file."""
        self.writer.close()
