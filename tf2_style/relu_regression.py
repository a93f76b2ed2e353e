"""A line fitted through a ReLU with Adam, the TensorFlow 2 way: tf.function and Checkpoint.

relu(weight * x + bias) is fitted to 10,000 points of y = 2x + 1, each to within 0.01.

Twin: tf1_style/relu_regression.py. Run: python -m tf2_style.relu_regression train.
"""

from __future__ import annotations

import dataclasses
import sys

import tensorflow as tf

from shared.program import EXACT_LINE, LineSettings, Program, setting
from tf2_style import checkpoints, export, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(LineSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(10_000, "train until this step, counted from the very first run")
    batch_size: int = setting(100, "points per step")
    learning_rate: float = setting(0.001, "step size of Adam")
    optimizer: str = optimizer_flags.adam()
    checkpoint_every: int = setting(2000)
    checkpoint_dir: str = setting("checkpoints/tf2_style/relu_regression")


class ReluRegression:
    """Predicts y [batch] from x [batch] with one weight, one bias and a ReLU."""

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
        # Keras's optimizer counts in `iterations` too; this count goes with any optimizer.
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, inputs):
        """Returns the predictions [batch] of inputs [batch]."""
        return tf.nn.relu(self.weight * inputs + self.bias)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, predictions, targets):
        """Returns the sum of squared errors, a scalar."""
        return tf.reduce_sum(tf.square(predictions - targets))

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = tf1_adam.TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        # Its variables are created here, not at the first update, so that a restore finds them.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, inputs, targets):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(inputs), targets)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, predictions, targets):
        """Returns how many predictions are within 0.01 of their target."""
        return tf.reduce_sum(tf.cast(tf.abs(predictions - targets) < 0.01, tf.int32))

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
        """Returns the summed loss and the number of predictions within 0.01 on inputs [n]."""
        predictions = self.forward(inputs)
        return self.loss(predictions, targets), self.correct(predictions, targets)

    def evaluate(self, inputs, targets):
        """Returns the mean loss and the share of predictions within 0.01 on inputs [n]."""
        loss, correct = self.measure(inputs, targets)
        return {"loss": float(loss) / len(inputs), "accuracy": int(correct) / len(inputs)}

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
        export.write(self, directory, inputs=self.INPUTS, output_name="predictions")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for inputs, targets in run.batches():  # [steps, batch] each
        run.report(model.train_steps(inputs, targets))


PROGRAM = Program(
    __doc__, Config, ReluRegression, train, EXACT_LINE, checkpoints, summaries, loss_of_batch="sum"
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
