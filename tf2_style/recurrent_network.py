"""A recurrent network on handwritten digits, the TensorFlow 2 way: an LSTM written out in a loop.

Twin: tf1_style/recurrent_network.py. Run: python -m tf2_style.recurrent_network train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import glorot_uniform
from shared.program import DIGITS, ImageSettings, Program, setting
from tf2_style import checkpoints, export, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(600, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(4e-3, "step size of Adam")
    clip_norm: float = setting(1.0, "largest global norm of the gradients")
    keep_probability: float = setting(0.5, "share of units that dropout keeps", is_probability=True)
    optimizer: str = optimizer_flags.adam()
    checkpoint_dir: str = setting("checkpoints/tf2_style/recurrent_network")


class RecurrentNetwork:
    """Images [batch, 784], read row by row, to logits [batch, 10] by an LSTM of 64 units."""

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
    # Function arguments replace placeholders; with a signature a tf.function is traced once.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the LSTM's kernel and bias, those of the output, and the step count."""
        self.parameters, random = {}, np.random.RandomState(self.config.seed)
        self.kernel = self.parameter("rnn/lstm_cell/kernel", glorot_uniform([92, 256], random))
        self.bias = self.parameter("rnn/lstm_cell/bias", np.zeros([256], np.float32))
        self.output_weights = self.parameter("output_weights", glorot_uniform([64, 10], random))
        self.output_biases = self.parameter("output_biases", np.zeros([10], np.float32))
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # A variable holds its value at once. Its name is only for people to read.
        self.parameters[name] = tf.Variable(initial_value, name=name)
        return self.parameters[name]

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images, keep_probability=None):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        rows = tf.reshape(images, [-1, 28, 28])  # [batch, time, inputs]
        output = self.read(rows, self.lengths(rows))
        dropped = self.dropout(output, keep_probability)
        return tf.matmul(dropped, self.output_weights) + self.output_biases

    def lengths(self, rows):
        """Returns the number [batch] of rows to read: up to the last with ink, at least one."""
        numbers = tf.cast(tf.reduce_max(rows, axis=2) > 0, tf.int32) * tf.range(1, 29)
        return tf.maximum(tf.reduce_max(numbers, axis=1), 1)

    def read(self, rows, lengths):
        """Returns the output [batch, 64] at the last row of each digit that is to be read."""
        # Keras's LSTM would do, but splits the kernel, [28, 256] and [64, 256], orders the gates in
        # another way, and starts the forget bias at 1: once the kernel is split, no shape tells.
        output = cell = tf.zeros([tf.shape(rows)[0], 64])
        for row in tf.range(28):
            next_output, next_cell = self.read_row(rows[:, row], output, cell)
            # A digit that has ended keeps its state. Without this, the empty rows below change it.
            has_ended = (row >= lengths)[:, tf.newaxis]
            output = tf.where(has_ended, output, next_output)
            cell = tf.where(has_ended, cell, next_cell)
        return output

    def read_row(self, row, output, cell):
        """Returns the next output and cell state, each [batch, 64], as LSTMCell computes them."""
        gates = tf.matmul(tf.concat([row, output], 1), self.kernel)
        # Input, new value, forget, output. The forget gate gets 1 on top of its bias.
        i, j, f, o = tf.split(tf.nn.bias_add(gates, self.bias), 4, axis=1)
        cell = tf.sigmoid(f + 1.0) * cell + tf.sigmoid(i) * tf.tanh(j)
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def dropout(self, values, keep_probability):
        """Scales a share `keep_probability` by 1 / it, sets the rest to 0; with None, keeps all."""
        if keep_probability is None:
            return values
        # As `DropoutWrapper(cell, output_keep_prob=…)` does it to the output at the last row; that
        # leaves the state `h` whole, the same numbers. The noise is one that both styles repeat.
        kept = self.noise(tf.shape(values)) < keep_probability
        scale = 1 / tf.convert_to_tensor(keep_probability, tf.float32)  # float32, as what is fed
        return tf.where(kept, values * scale, tf.zeros_like(values))

    def noise(self, shape):
        """Returns uniform numbers in [0, 1), different at each step."""
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.global_step])
        return tf.random.stateless_uniform(shape, seed)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # This is TF1's `_v2`, which lets gradients reach the labels.
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = tf1_adam.TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        self.optimizer.build(list(self.parameters.values()))  # now, so that a restore finds slots

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            logits = self.forward(images, self.config.keep_probability)
            loss = self.loss(logits, labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Clips and applies the gradients and counts the step."""
        # `clipnorm` of a Keras optimizer cuts each gradient by itself; `global_clipnorm` all.
        clipped, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        self.optimizer.apply_gradients(zip(clipped, self.parameters.values()))
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
        """Returns the mean loss and the number of right answers on images [n, 784]."""
        logits = self.forward(images)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.forward(images)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
        return dict(zip(self.parameters, gradients))

    def variables(self):
        """Returns the value of every parameter by name."""
        return {name: parameter.numpy() for name, parameter in self.parameters.items()}

    def slot_variables(self):
        """Returns slots by name: `m`, `v` of each parameter; of a TF1Adam, powers of beta too."""
        return slots.of_adam(self.optimizer, self.parameters)

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return {name: slot.numpy() for name, slot in self.slot_variables().items()}

    def step(self):
        """Returns how many updates have been made."""
        return int(self.global_step)

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        # A Checkpoint keeps the objects it is given, under the names of these arguments, with .S
        # for each slash. Given a tf.Module or a Keras model, it takes the names of the attributes.
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
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, RecurrentNetwork, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
