"""Softmax regression on handwritten digits, the TensorFlow 2 way: tf.function, GradientTape.

One layer, 784 pixels to 10 logits, from zeros; gradient descent on the cross-entropy summed over
a batch. After 1,000 steps of 50 images about 0.91 of all of MNIST's test digits are right.

Twin: tf1_style/softmax_regression.py. Run: python -m tf2_style.softmax_regression train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.program import DIGITS, ImageSettings, Program, setting
from tf2_style import checkpoints, export, many_steps, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(0.01, "step size; it multiplies a summed gradient")
    checkpoint_dir: str = setting("checkpoints/tf2_style/softmax_regression")


class SoftmaxRegression:
    """Images [batch, 784] to logits [batch, 10] by one matrix and one vector."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizer()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    LABELS = tf.TensorSpec([None, 10], tf.float32, name="labels")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    LABEL_BATCHES = tf.TensorSpec([None, None, 10], tf.float32, name="label_batches")
    # Function arguments replace placeholders. With a signature a tf.function is traced once;
    # without one it is traced again for every new batch size.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # A variable holds its value at once. Its name is only for people to read.
        self.weights = tf.Variable(np.zeros([784, 10], np.float32), name="weights")
        self.biases = tf.Variable(np.zeros([10], np.float32), name="biases")
        # Keras's optimizer counts in `iterations` too; this count goes with any optimizer.
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
        self.parameters = {"weights": self.weights, "biases": self.biases}

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return tf.matmul(images, self.weights) + self.biases

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the cross-entropy summed over the batch, a scalar."""
        # From logits: -sum(labels * log(softmax)) is NaN as soon as a softmax rounds to 0.
        # This is TF1's `_v2`, which lets gradients reach the labels.
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_sum(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates plain gradient descent."""
        self.optimizer = tf.keras.optimizers.SGD(self.config.learning_rate)
        # Creates the optimizer's variables now: a checkpoint is restored before the first update.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(images), labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(images, labels)
        self.update(gradients)  # runs because it is called; nothing has to fetch it
        return loss

    @tf.function(input_signature=[IMAGE_BATCHES, LABEL_BATCHES])
    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        # The loop is part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(images)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(images[step], labels[step]))
        return losses.stack()

    @tf.function(input_signature=[IMAGES, LABELS])
    def measure(self, images, labels):
        """Returns the summed loss and the number of right answers on images [n, 784]."""
        logits = self.forward(images)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss) / len(images), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        # For one example at a time a ConcreteFunction or TensorFlow Lite is faster: docs/speed.md.
        return self.forward(images)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
        return dict(zip(self.parameters, gradients))

    def variables(self):
        """Returns the value of every parameter by name."""
        return {name: parameter.numpy() for name, parameter in self.parameters.items()}

    def slots(self):
        """Returns the optimizer slots by name: none, gradient descent remembers nothing."""
        return {}

    slot_variables = slots  # in other models the variables whose values `slots` returns

    def step(self):
        """Returns how many updates have been made."""
        return int(self.global_step)

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        # A Checkpoint keeps the objects it is given, under the names of these arguments.
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, optimizer=self.optimizer, **self.parameters
        )

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        manager = tf.train.CheckpointManager(self.checkpoint, directory, 3, checkpoint_name="model")
        return manager.save(checkpoint_number=self.step())

    def restore(self, path):
        """Loads the checkpoint at `path`."""
        # Without the assertion, a variable that finds no partner silently keeps its value.
        self.checkpoint.restore(path).assert_consumed()
        self.optimizer.learning_rate = self.config.learning_rate  # Keras restores the old one

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.IMAGES, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    # All examples become tensors once: a tf.function copies a NumPy array at every call.
    for losses in many_steps.on_rows(model.train_step, run.rows(tf.constant)):
        run.report(losses)


PROGRAM = Program(
    __doc__, Config, SoftmaxRegression, train, DIGITS, checkpoints, summaries, loss_of_batch="sum"
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
