"""A recurrent network on handwritten digits, the TensorFlow 1 way: LSTMCell and dynamic_rnn.

Twin: tf2_style/recurrent_network.py. Run: python -m tf1_style.recurrent_network train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared import legacy_keras  # noqa: F401  brings RNN cells back in TensorFlow 2.21
from shared.data.initial_values import glorot_uniform
from shared.program import DIGITS, ImageSettings, Program, setting
from tf1_style import checkpoints, export, slots, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(600, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(4e-3, "step size of Adam")
    clip_norm: float = setting(1.0, "largest global norm of the gradients")
    keep_probability: float = setting(0.5, "share of units that dropout keeps", is_probability=True)
    checkpoint_dir: str = setting("checkpoints/tf1_style/recurrent_network")


class RecurrentNetwork:
    """Images [batch, 784], read row by row, to logits [batch, 10] by an LSTM of 64 units."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.logits = self.forward(self.images, self.keep_probability)
            self.batch_loss = self.loss(self.logits, self.labels)
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.train_op = self.update(self.batch_gradients)
            self.batch_correct = self.correct(self.logits, self.labels)
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        self.batch = [self.images, self.labels]  # what a batch is fed to, in its order
        # Dropout is off unless a run feeds something else.
        self.keep_probability = tf.placeholder_with_default(1.0, [], name="keep_probability")

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the LSTM's kernel and bias, those of the output, and the step count."""
        self.parameters, random = {}, np.random.RandomState(self.config.seed)
        self.kernel = self.parameter("rnn/lstm_cell/kernel", glorot_uniform([92, 256], random))
        self.bias = self.parameter("rnn/lstm_cell/bias", np.zeros([256], np.float32))
        self.output_weights = self.parameter("output_weights", glorot_uniform([64, 10], random))
        self.output_biases = self.parameter("output_biases", np.zeros([10], np.float32))
        self.global_step = tf.train.get_or_create_global_step()

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # The name is the key in the checkpoint, and by `rnn/lstm_cell/kernel` the cell finds it.
        self.parameters[name] = tf.get_variable(name, initializer=initial_value)
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
        cell = tf.nn.rnn_cell.LSTMCell(64)
        # Finds the variables that `create_parameters` made, by their names. `reuse=True` raises if
        # there is none; AUTO_REUSE would make another kernel, which nothing trains, in silence.
        # `sequence_length` keeps the state of a digit that has ended; without it, the empty rows
        # below would change it.
        with tf.variable_scope(tf.get_variable_scope(), reuse=True):
            _, state = tf.nn.dynamic_rnn(cell, rows, sequence_length=lengths, dtype=tf.float32)
        return state.h

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
        # `_v2` lets gradients reach the labels; TF1's function without it does not.
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        self.optimizer = tf.train.AdamOptimizer(self.config.learning_rate)

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`."""
        # GATE_OP, the default: all gradients of an operation are computed before one is applied. In
        # 1.x an update could else change a ref variable that another gradient still has to read.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that clips and applies the gradients and counts the step."""
        # Between `compute_gradients` and `apply_gradients`: `minimize` leaves no room for it.
        clipped, _ = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        return self.optimizer.apply_gradients(
            zip(clipped, self.parameters.values()), global_step=self.global_step
        )

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        keep = self.config.keep_probability
        feed_dict = {self.images: images, self.labels: labels, self.keep_probability: keep}
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    def measure(self, images, labels):
        """Returns the mean loss and the number of right answers on images [n, 784]."""
        feed_dict = {self.images: images, self.labels: labels}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.session.run(self.logits, {self.images: images})

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        keep = self.config.keep_probability
        feed_dict = {self.images: images, self.labels: labels, self.keep_probability: keep}
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

    def variables(self):
        """Returns the value of every parameter by name."""
        return self.session.run(self.parameters)

    def slot_variables(self):
        """Returns the optimizer slots by name: `m` and `v` of each parameter, powers of beta."""
        return slots.of_adam(self.optimizer, self.parameters)

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return self.session.run(self.slot_variables())

    def step(self):
        """Returns how many updates have been made."""
        return int(self.session.run(self.global_step))

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        # A Saver keeps every variable that the graph has so far, under its name.
        self.saver = tf.train.Saver(max_to_keep=3)

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        prefix = f"{directory}/model"  # a Saver makes this folder, but none above it
        with self.graph.as_default():  # outside of any graph, TensorFlow 2.21 raises ValueError
            # Without the graph itself: `__init__` builds it again.
            return self.saver.save(self.session, prefix, self.step(), write_meta_graph=False)

    def restore(self, path):
        """Loads the checkpoint at `path`."""
        with self.graph.as_default():  # as in `save`
            self.saver.restore(self.session, path)

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.images, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, RecurrentNetwork, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
