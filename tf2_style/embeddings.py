"""Ratings by matrix factorization, the TensorFlow 2 way: sparse gradients of a tape.

Users, items and biases in tables; 0.63 of the test ratings are predicted within half a star.

Twin: tf1_style/embeddings.py. Run: python -m tf2_style.embeddings train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import truncated_normal
from shared.program import RATINGS, Program, RatingSettings, setting
from tf2_style import checkpoints, export, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(RatingSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1560, "train until this step, counted from the very first run")
    batch_size: int = setting(64, "ratings per step; there are 60 items, so that ids repeat")
    learning_rate: float = setting(0.005, "step size of Adam")
    optimizer: str = optimizer_flags.adam()
    l2: float = setting(0.02, "weight of the squares of the rows that a batch uses")
    checkpoint_dir: str = setting("checkpoints/tf2_style/embeddings")


class MatrixFactorization:
    """Users [batch] and items [batch] to ratings [batch] by two tables of rows, two of biases."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizer()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    USERS = tf.TensorSpec([None], tf.int64, name="users")
    ITEMS = tf.TensorSpec([None], tf.int64, name="items")
    RATINGS = tf.TensorSpec([None], tf.float32, name="ratings")
    ID_BATCHES = tf.TensorSpec([None, None], tf.int64, name="id_batches")
    RATING_BATCHES = tf.TensorSpec([None, None], tf.float32, name="rating_batches")
    # Function arguments replace placeholders. With a signature a tf.function is traced once;
    # without one it is traced again for every new batch size.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates rows and biases of 200 users and 60 items, and the step count."""
        self.parameters = {}
        self.random = np.random.RandomState(self.config.seed)
        self.user_rows = self.parameter("user_rows", truncated_normal([200, 8], 0.1, self.random))
        self.item_rows = self.parameter("item_rows", truncated_normal([60, 8], 0.1, self.random))
        self.user_biases = self.parameter("user_biases", np.zeros([200], np.float32))
        self.item_biases = self.parameter("item_biases", np.zeros([60], np.float32))
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # A variable holds its value at once. Its name is only for people to read.
        self.parameters[name] = tf.Variable(initial_value, name=name)
        return self.parameters[name]

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, users, items):
        """Returns the ratings [batch] that users [batch] are to give items [batch]."""
        user_rows = tf.nn.embedding_lookup(self.user_rows, users)  # [batch, 8]
        item_rows = tf.nn.embedding_lookup(self.item_rows, items)
        user_biases = tf.nn.embedding_lookup(self.user_biases, users)  # [batch]
        item_biases = tf.nn.embedding_lookup(self.item_biases, items)
        # 3 is the middle of the scale. Rows that start at 0 would get no gradient at all.
        return 3.0 + user_biases + item_biases + tf.reduce_sum(user_rows * item_rows, axis=1)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, predictions, users, items, ratings):
        """Returns the mean squared error of the batch, with L2 of the rows it uses, a scalar."""
        user_rows = tf.nn.embedding_lookup(self.user_rows, users)
        item_rows = tf.nn.embedding_lookup(self.item_rows, items)
        # Not of whole tables: that pulls at every row in every step, and makes gradients dense.
        squares = tf.reduce_sum(tf.square(user_rows) + tf.square(item_rows), axis=1)
        return tf.reduce_mean(tf.square(predictions - ratings) + self.config.l2 * squares)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = tf1_adam.TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7: left there, the twins would train apart.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        # Its variables are created here, not at the first update, so that a restore finds them.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, users, items, ratings):
        """Returns the loss and its gradients in the order of `parameters`, as IndexedSlices."""
        # As in TensorFlow 1: a slice for each id, and two for an id that stands there twice.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(users, items), users, items, ratings)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        if self.config.optimizer == "keras":
            # Keras's Adam would square each slice of an id; dense, they are added before.
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, predictions, ratings):
        """Returns how many predictions are within half a star of the rating."""
        matches = tf.abs(predictions - ratings) < 0.5
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[USERS, ITEMS, RATINGS])
    def train_step(self, *batch):
        """Updates the tables on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(*batch)
        self.update(gradients)  # runs because it is called; nothing has to fetch it
        return loss

    @tf.function(input_signature=[ID_BATCHES, ID_BATCHES, RATING_BATCHES])
    def train_steps(self, users, items, ratings):
        """Trains on users, items and ratings, each [steps, batch]; returns the losses."""
        # The loop is part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(users)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(users[step], items[step], ratings[step]))
        return losses.stack()

    @tf.function(input_signature=[USERS, ITEMS, RATINGS])
    def measure(self, users, items, ratings):
        """Returns the loss and the number of right predictions of users, items and ratings [n]."""
        predictions = self.forward(users, items)
        return self.loss(predictions, users, items, ratings), self.correct(predictions, ratings)

    def evaluate(self, users, items, ratings):
        """Returns the loss and the share of right predictions, of each [n]."""
        loss, correct = self.measure(users, items, ratings)
        return {"loss": float(loss), "accuracy": int(correct) / len(ratings)}

    @tf.function(input_signature=[USERS, ITEMS])
    def predict(self, users, items):
        """Returns the ratings [n] that users [n] are to give items [n]."""
        return self.forward(users, items)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[USERS, ITEMS, RATINGS])
    def gradients(self, *batch):
        """Returns the gradient of one batch's loss by name, dense; updates nothing."""
        _, gradients = self.differentiate(*batch)
        return dict(zip(self.parameters, map(tf.convert_to_tensor, gradients)))

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
        export.write(self, directory, inputs=[self.USERS, self.ITEMS], output_name="ratings")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for batches in run.batches():  # users, items and ratings, each [steps, batch]
        run.report(model.train_steps(*batches))


PROGRAM = Program(__doc__, Config, MatrixFactorization, train, RATINGS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
