"""Linear regression by gradient descent written out by hand, the TensorFlow 2 way: tf.function.

f(x) = weight * x + bias is fitted to 1,000 noisy points of y = 3x + 2 from weight 5 and bias 0.
Ten epochs bring it close to the least-squares line, which the last lines print beside it.

Twin: tf1_style/linear_regression.py. Run: python -m tf2_style.linear_regression train.
"""

from __future__ import annotations

import dataclasses
import sys

import tensorflow as tf

from shared.program import NOISY_LINE, LineSettings, Program, number, setting
from tf2_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(LineSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(10, "train until this step; a step is an epoch: all points at once")
    learning_rate: float = setting(0.1, "step size of gradient descent")
    initial_weight: float = setting(5.0, valid=number)
    report_every: int = setting(1)
    checkpoint_dir: str = setting("checkpoints/tf2_style/linear_regression")


class LinearRegression:
    """Predicts y [batch] from x [batch] with one weight and one bias."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizer()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    INPUTS = tf.TensorSpec([None], tf.float32, name="inputs")
    TARGETS = tf.TensorSpec([None], tf.float32, name="targets")
    INPUT_BATCHES = tf.TensorSpec([None, None], tf.float32, name="input_batches")
    TARGET_BATCHES = tf.TensorSpec([None, None], tf.float32, name="target_batches")
    # Function arguments replace placeholders. With a signature a tf.function is traced once;
    # without one it is traced again for every new batch size.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the weight and the bias, float32 scalars, and the step count."""
        # A variable holds its value at once. Its name is only for people to read.
        self.weight = tf.Variable(self.config.initial_weight, name="weight")
        self.bias = tf.Variable(self.config.initial_bias, name="bias")
        self.parameters = {"weight": self.weight, "bias": self.bias}
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, inputs):
        """Returns the predictions [batch] of inputs [batch]."""
        return self.weight * inputs + self.bias

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, predictions, targets):
        """Returns the mean squared error, a scalar."""
        return tf.reduce_mean(tf.square(predictions - targets))

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Nothing to create: the rule below is the whole optimizer."""

    def differentiate(self, inputs, targets):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(inputs), targets)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        rate = self.config.learning_rate
        for parameter, gradient in zip(self.parameters.values(), gradients):
            parameter.assign_sub(rate * gradient)
        # Lines run in the order they are written, in a tf.function too.
        self.global_step.assign_add(1)

    # ---- METRICS -------------------------------------------------------------------------------

    # None beside the loss: a line through noise has no right or wrong answers.

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[INPUTS, TARGETS])
    def train_step(self, inputs, targets):
        """Updates the parameters on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(inputs, targets)
        self.update(gradients)  # runs because it is called; nothing has to fetch it
        return loss

    @tf.function(input_signature=[INPUT_BATCHES, TARGET_BATCHES])
    def train_steps(self, inputs, targets):
        """Trains on inputs [steps, batch] and targets [steps, batch]; returns the losses."""
        # The loop is part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(inputs)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(inputs[step], targets[step]))
        return losses.stack()

    @tf.function(input_signature=[INPUTS, TARGETS])
    def measure(self, inputs, targets):
        """Returns a list of one: the mean squared error on inputs [n]."""
        return [self.loss(self.forward(inputs), targets)]

    def evaluate(self, inputs, targets):
        """Returns the metrics on inputs [n]: the mean squared error."""
        (loss,) = self.measure(inputs, targets)
        return {"loss": float(loss)}

    @tf.function(input_signature=[INPUTS])
    def predict(self, inputs):
        """Returns the predictions [n] for inputs [n]."""
        return self.forward(inputs)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[INPUTS, TARGETS])
    def gradients(self, inputs, targets):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(inputs, targets)
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
        """Creates what saves and restores parameters and step."""
        # A Checkpoint keeps the objects it is given, under the names of these arguments.
        self.checkpoint = tf.train.Checkpoint(global_step=self.global_step, **self.parameters)

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        manager = tf.train.CheckpointManager(self.checkpoint, directory, 3, checkpoint_name="model")
        return manager.save(checkpoint_number=self.step())

    def restore(self, path):
        """Loads the checkpoint at `path`."""
        # Without the assertion, a variable that finds no partner silently keeps its value.
        self.checkpoint.restore(path).assert_consumed()

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.INPUTS, output_name="predictions")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for inputs, targets in run.batches():  # [steps, batch] each
        run.report(model.train_steps(inputs, targets))


PROGRAM = Program(__doc__, Config, LinearRegression, train, NOISY_LINE, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
