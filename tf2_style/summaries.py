"""What TensorBoard shows of a model, the TensorFlow 2 way: calls that write at once.

Twin:  tf1_style/summaries.py
"""

from __future__ import annotations

import tensorflow as tf

from shared.program.log_dir import require_tensorboard


class SummaryWriter:
    """Writes loss, accuracy, learning rate and parameters to an event file, and the graph."""

    def __init__(self, model, directory):
        """Raises UsageError if the package tensorboard is missing."""
        require_tensorboard()  # whose code `tf.summary.scalar` is, in TensorFlow 2
        self.model = model
        self.writer = tf.summary.create_file_writer(directory)
        with self.writer.as_default():
            # There is no graph of the model, only one of each function.
            tf.summary.graph(model.train_step.get_concrete_function().graph)

    def create(self, loss, accuracy=None):
        """Writes all summaries; its twin creates them, to be fetched. Here nothing is created."""
        model = self.model
        # Without a default writer these calls silently write nothing; without a step they raise.
        # The tag is the string, as it stands.
        tf.summary.scalar("loss", loss)
        if accuracy is not None:
            tf.summary.scalar("accuracy", accuracy)
        # A rate that falls is a function of the step.
        rate = getattr(model, "learning_rate", lambda step: model.config.learning_rate)
        tf.summary.scalar("learning_rate", rate(model.global_step))
        for name, parameter in model.parameters.items():
            if parameter.shape.ndims == 0:  # the weight or the bias of a fitted line
                tf.summary.scalar("line/" + name, parameter)
            tf.summary.histogram("parameters/" + name, parameter)

    def write(self, *batch):
        """Writes the summaries of this step, measured on one batch."""
        loss, *correct = self.model.measure(*batch)
        with self.writer.as_default(step=self.model.step()):  # flushes at its end
            self.create(loss, *(count / len(batch[0]) for count in correct))

    def close(self):
        """Ends the event file."""
        self.writer.close()
