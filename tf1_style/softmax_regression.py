"""Softmax regression on handwritten digits, the TensorFlow 1 way: graph, placeholders, Session.

One layer, 784 pixels to 10 logits, from zeros; gradient descent on the cross-entropy summed over
a batch. After 1,000 steps of 50 images about 0.91 of all of MNIST's test digits are right.

Twin: tf2_style/softmax_regression.py. Run: python -m tf1_style.softmax_regression train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program import DIGITS, ImageSettings, Program, setting
from tf1_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(0.01, "step size; it multiplies a summed gradient")
    checkpoint_dir: str = setting("checkpoints/tf1_style/softmax_regression")


class SoftmaxRegression:
    """Images [batch, 784] to logits [batch, 10] by one matrix and one vector."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.logits = self.forward(self.images)
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

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # The name is the key in the checkpoint. The value exists once the initializer has run.
        self.weights = tf.get_variable("weights", initializer=np.zeros([784, 10], np.float32))
        self.biases = tf.get_variable("biases", initializer=np.zeros([10], np.float32))
        self.global_step = tf.train.get_or_create_global_step()
        self.parameters = {"weights": self.weights, "biases": self.biases}

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return tf.matmul(images, self.weights) + self.biases

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the cross-entropy summed over the batch, a scalar."""
        # From logits: -sum(labels * log(softmax)) is NaN as soon as a softmax rounds to 0.
        # `_v2` lets gradients reach the labels; TF1's function without it does not.
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_sum(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates plain gradient descent."""
        self.optimizer = tf.train.GradientDescentOptimizer(self.config.learning_rate)

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`."""
        # GATE_OP, the default: all gradients of an operation are computed before one is applied. In
        # 1.x an update could else change a ref variable that another gradient still has to read.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients and counts the step."""
        # `optimizer.minimize(loss, global_step)` is `compute_gradients` and this in one call.
        return self.optimizer.apply_gradients(
            zip(gradients, self.parameters.values()), global_step=self.global_step
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
        feed_dict = {self.images: images, self.labels: labels}
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    def measure(self, images, labels):
        """Returns the summed loss and the number of right answers on images [n, 784]."""
        feed_dict = {self.images: images, self.labels: labels}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss) / len(images), "accuracy": int(correct) / len(images)}

    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.session.run(self.logits, {self.images: images})

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {self.images: images, self.labels: labels}
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

    def variables(self):
        """Returns the value of every parameter by name."""
        return self.session.run(self.parameters)

    def slots(self):
        """Returns the optimizer slots by name: none, gradient descent remembers nothing."""
        return {}

    slot_variables = slots  # in other models the variables whose values `slots` returns

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
    for images, labels in run.batches():  # NumPy arrays: `session.run` copies each batch
        run.report(model.train_steps(images, labels))


PROGRAM = Program(
    __doc__, Config, SoftmaxRegression, train, DIGITS, checkpoints, summaries, loss_of_batch="sum"
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
