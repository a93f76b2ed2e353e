"""A line fitted through a ReLU with Adam, the TensorFlow 1 way: Session and Saver.

relu(weight * x + bias) is fitted to 10,000 points of y = 2x + 1, each to within 0.01.

Twin: tf2_style/relu_regression.py. Run: python -m tf1_style.relu_regression train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program import EXACT_LINE, LineSettings, Program, setting
from tf1_style import checkpoints, export, slots, summaries


@dataclasses.dataclass(frozen=True)
class Config(LineSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(10_000, "train until this step, counted from the very first run")
    batch_size: int = setting(100, "points per step")
    learning_rate: float = setting(0.001, "step size of Adam")
    checkpoint_every: int = setting(2000)
    checkpoint_dir: str = setting("checkpoints/tf1_style/relu_regression")


class ReluRegression:
    """Predicts y [batch] from x [batch] with one weight, one bias and a ReLU."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.predictions = self.forward(self.inputs)
            self.batch_loss = self.loss(self.predictions, self.targets)
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.train_op = self.update(self.batch_gradients)
            self.batch_correct = self.correct(self.predictions, self.targets)
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 inputs [batch] and targets [batch]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.inputs = tf.placeholder(tf.float32, [None], name="inputs")
        self.targets = tf.placeholder(tf.float32, [None], name="targets")
        self.batch = [self.inputs, self.targets]  # what a batch is fed to, in its order

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the weight and the bias, float32 scalars, and the step count."""
        # The name is the key in the checkpoint. The value exists once the initializer has run.
        self.weight = tf.get_variable("weight", initializer=self.config.initial_weight)
        self.bias = tf.get_variable("bias", initializer=self.config.initial_bias)
        self.parameters = {"weight": self.weight, "bias": self.bias}
        self.global_step = tf.train.get_or_create_global_step()

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
        self.optimizer = tf.train.AdamOptimizer(self.config.learning_rate)

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
    def correct(self, predictions, targets):
        """Returns how many predictions are within 0.01 of their target."""
        return tf.reduce_sum(tf.cast(tf.abs(predictions - targets) < 0.01, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, inputs, targets):
        """Updates the parameters on one batch; returns its loss from before the update."""
        feed_dict = {self.inputs: inputs, self.targets: targets}
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, inputs, targets):
        """Trains on inputs [steps, batch] and targets [steps, batch]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(inputs, targets)])

    def measure(self, inputs, targets):
        """Returns the summed loss and the number of predictions within 0.01 on inputs [n]."""
        feed_dict = {self.inputs: inputs, self.targets: targets}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def evaluate(self, inputs, targets):
        """Returns the mean loss and the share of predictions within 0.01 on inputs [n]."""
        loss, correct = self.measure(inputs, targets)
        return {"loss": float(loss) / len(inputs), "accuracy": int(correct) / len(inputs)}

    def predict(self, inputs):
        """Returns the predictions [n] for inputs [n]."""
        return self.session.run(self.predictions, {self.inputs: inputs})

    def gradients(self, inputs, targets):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {self.inputs: inputs, self.targets: targets}
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
        export.write(self, directory, inputs=self.inputs, output_name="predictions")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for inputs, targets in run.batches():  # [steps, batch] each
        run.report(model.train_steps(inputs, targets))


PROGRAM = Program(
    __doc__, Config, ReluRegression, train, EXACT_LINE, checkpoints, summaries, loss_of_batch="sum"
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
