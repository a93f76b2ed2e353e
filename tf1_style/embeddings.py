"""Ratings by matrix factorization, the TensorFlow 1 way: sparse gradients in graph and Session.

Users, items and biases in tables; 0.63 of the test ratings are predicted within half a star.

Twin: tf2_style/embeddings.py. Run: python -m tf1_style.embeddings train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.data.initial_values import truncated_normal
from shared.program import RATINGS, Program, RatingSettings, setting
from tf1_style import checkpoints, export, slots, summaries


@dataclasses.dataclass(frozen=True)
class Config(RatingSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1560, "train until this step, counted from the very first run")
    batch_size: int = setting(64, "ratings per step; there are 60 items, so that ids repeat")
    learning_rate: float = setting(0.005, "step size of Adam")
    l2: float = setting(0.02, "weight of the squares of the rows that a batch uses")
    checkpoint_dir: str = setting("checkpoints/tf1_style/embeddings")


class MatrixFactorization:
    """Users [batch] and items [batch] to ratings [batch] by two tables of rows, two of biases."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.predictions = self.forward(self.users, self.items)
            self.batch_loss = self.loss(self.predictions, *self.batch)
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.dense_gradients = [tf.convert_to_tensor(g) for g in self.batch_gradients]
            self.train_op = self.update(self.batch_gradients)
            self.batch_correct = self.correct(self.predictions, self.ratings)
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: int64 users and items, float32 ratings, each [batch]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.users = tf.placeholder(tf.int64, [None], name="users")
        self.items = tf.placeholder(tf.int64, [None], name="items")
        self.ratings = tf.placeholder(tf.float32, [None], name="ratings")
        self.batch = [self.users, self.items, self.ratings]  # what a batch is fed to, in its order

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates rows and biases of 200 users and 60 items, and the step count."""
        self.parameters = {}
        self.random = np.random.RandomState(self.config.seed)
        self.user_rows = self.parameter("user_rows", truncated_normal([200, 8], 0.1, self.random))
        self.item_rows = self.parameter("item_rows", truncated_normal([60, 8], 0.1, self.random))
        self.user_biases = self.parameter("user_biases", np.zeros([200], np.float32))
        self.item_biases = self.parameter("item_biases", np.zeros([60], np.float32))
        self.global_step = tf.train.get_or_create_global_step()

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # The name is the key in the checkpoint. The value exists once the initializer has run.
        self.parameters[name] = tf.get_variable(name, initializer=initial_value)
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
        self.optimizer = tf.train.AdamOptimizer(self.config.learning_rate)

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`, as IndexedSlices."""
        # The gradient of a lookup holds a slice for each id that was looked up, and the ids. An id
        # that stands twice in the batch has two slices, which belong added.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients and counts the step."""
        # AdamOptimizer adds the slices of an id before it squares them. Then it lets `m` and `v`
        # of all rows decay and moves all rows, also those without a gradient.
        return self.optimizer.apply_gradients(
            zip(gradients, self.parameters.values()), global_step=self.global_step
        )

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, predictions, ratings):
        """Returns how many predictions are within half a star of the rating."""
        matches = tf.abs(predictions - ratings) < 0.5
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, *batch):
        """Updates the tables on one batch; returns its loss from before the update."""
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], dict(zip(self.batch, batch)))
        return loss

    def train_steps(self, users, items, ratings):
        """Trains on users, items and ratings, each [steps, batch]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(users, items, ratings)])

    def measure(self, *batch):
        """Returns the loss and the number of right predictions of users, items and ratings [n]."""
        fetches = [self.batch_loss, self.batch_correct]
        return self.session.run(fetches, dict(zip(self.batch, batch)))

    def evaluate(self, users, items, ratings):
        """Returns the loss and the share of right predictions, of each [n]."""
        loss, correct = self.measure(users, items, ratings)
        return {"loss": float(loss), "accuracy": int(correct) / len(ratings)}

    def predict(self, users, items):
        """Returns the ratings [n] that users [n] are to give items [n]."""
        return self.session.run(self.predictions, {self.users: users, self.items: items})

    def gradients(self, *batch):
        """Returns the gradient of one batch's loss by name, dense; updates nothing."""
        gradients = self.session.run(self.dense_gradients, dict(zip(self.batch, batch)))
        return dict(zip(self.parameters, gradients))

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
        export.write(self, directory, inputs=[self.users, self.items], output_name="ratings")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for batches in run.batches():  # users, items and ratings, each [steps, batch]
        run.report(model.train_steps(*batches))


PROGRAM = Program(__doc__, Config, MatrixFactorization, train, RATINGS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
