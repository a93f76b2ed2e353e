"""Linear regression by gradient descent written out by hand, the TensorFlow 2 way: tf.function.

f(x) = weight * x + bias is fitted to 1,000 noisy points of y = 3x + 2, starting from weight 5 and
bias 0. Ten epochs bring it close to the least-squares line, which the last lines print beside it.

Twin:  tf1_style/linear_regression.py
Run:   python -m tf2_style.linear_regression train
       python -m tf2_style.linear_regression predict
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.checkpoints import (
    by_path,
    checkpoint_errors,
    claim_folder,
    newest_checkpoint,
    require_variables,
    saving,
)
from shared.data.batch_order import chunks, crosses
from shared.data.regression_points import least_squares, noisy_line
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP, require_tensorboard
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, number, positive, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    steps: int = setting(10, "step to reach; a step is an epoch: all points at once", count)
    learning_rate: float = setting(0.1, "step size of gradient descent", positive)
    initial_weight: float = setting(5.0, "weight before the first step", number)
    initial_bias: float = setting(0.0, "bias before the first step", number)
    seed: int = setting(0, "seed of the points", seed, to_restore=True)
    checkpoint_dir: str = setting(
        "checkpoints/tf2_style/linear_regression", script.CHECKPOINT_HELP, to_restore=True
    )
    checkpoint_every: int = setting(500, "steps between two checkpoints", count)
    report_every: int = setting(1, "steps between two progress reports", count)
    log_dir: str = setting("", LOG_DIR_HELP)
    trace: str = setting("", TRACE_HELP)
    trace_every: int = setting(0, EVERY_HELP, whole)
    trace_steps: str = setting("", STEPS_HELP)


class LinearRegression:
    """Predicts y [batch] from x [batch] with one weight and one bias."""

    def __init__(self, config):
        self.config = config
        # No graph to describe: the methods below run when they are called.
        self.create_parameters()
        self.create_optimizer()
        self.create_summaries()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS ------------------------------------------------------------------------------

    # Arguments take the place of placeholders. With a signature, a function is traced once;
    # without one, every new batch size would be traced anew.
    INPUTS = tf.TensorSpec([None], tf.float32, name="inputs")
    TARGETS = tf.TensorSpec([None], tf.float32, name="targets")
    INPUT_BATCHES = tf.TensorSpec([None, None], tf.float32, name="input_batches")
    TARGET_BATCHES = tf.TensorSpec([None, None], tf.float32, name="target_batches")

    # ---- PARAMETERS --------------------------------------------------------------------------

    def create_parameters(self):
        """Creates the weight and the bias, float32 scalars, and the step count."""
        # A variable holds its value at once. Its name is only for people to read.
        self.weight = tf.Variable(self.config.initial_weight, name="weight")
        self.bias = tf.Variable(self.config.initial_bias, name="bias")
        self.parameters = {"weight": self.weight, "bias": self.bias}
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    # ---- FORWARD -----------------------------------------------------------------------------

    def forward(self, inputs):
        """Returns the predictions [batch] of inputs [batch]."""
        return self.weight * inputs + self.bias

    # ---- LOSS --------------------------------------------------------------------------------

    def loss(self, predictions, targets):
        """Returns the mean squared error, a scalar."""
        return tf.reduce_mean(tf.square(predictions - targets))

    # ---- UPDATE ------------------------------------------------------------------------------

    def create_optimizer(self):
        """Nothing to create: the rule below is the whole optimizer."""

    def differentiate(self, inputs, targets):
        """Returns the loss and its gradients in the order of `parameters`."""
        # There is no finished graph to walk back through: the tape records the forward pass
        # while it runs, so forward and loss must be called inside its block.
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

    # ---- METRICS -----------------------------------------------------------------------------

    # None beside the loss: a line through noise has no right or wrong answers.

    # ---- SUMMARIES ---------------------------------------------------------------------------

    def create_summaries(self):
        """Nothing to create: a summary is written by the very call that names it."""
        if self.config.log_dir:
            require_tensorboard()  # whose code `tf.summary.scalar` is, in TensorFlow 2

    def open_summaries(self, directory):
        """Starts an event file in `directory`, beside those of earlier runs, with the graph."""
        self.writer = tf.summary.create_file_writer(directory)
        with self.writer.as_default():
            # There is no graph of the model, only one of each function.
            tf.summary.graph(self.train_step.get_concrete_function().graph)

    def write_summaries(self, inputs, targets):
        """Writes the summaries of this step, measured on one batch: inputs [batch]."""
        loss = self.measure(inputs, targets)
        # Without a default writer the calls below would write nothing, in silence; without a
        # step they would raise. A tag is a string, written as it stands.
        with self.writer.as_default(step=self.step()):  # flushes at its end
            tf.summary.scalar("loss", loss)
            tf.summary.scalar("learning_rate", self.config.learning_rate)
            for name, parameter in self.parameters.items():
                tf.summary.scalar("line/" + name, parameter)
                tf.summary.histogram("parameters/" + name, parameter)

    def close_summaries(self):
        """Ends the event file; what was not flushed before would be lost in a crash."""
        self.writer.close()

    # ---- CHECKPOINT --------------------------------------------------------------------------

    def create_checkpoint(self):
        """Creates what saves and restores parameters and step."""
        # A Checkpoint keeps the objects it is given, under the names they are given here.
        self.checkpoint = tf.train.Checkpoint(global_step=self.global_step, **self.parameters)

    # ---- SESSION -----------------------------------------------------------------------------

    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -----------------------------------------------------------------------------

    @tf.function(input_signature=[INPUTS, TARGETS])
    def train_step(self, inputs, targets):
        """Updates the parameters on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(inputs, targets)
        self.update(gradients)  # runs because it stands here; nothing has to fetch it
        return loss

    @tf.function(input_signature=[INPUT_BATCHES, TARGET_BATCHES])
    def train_steps(self, inputs, targets):
        """Trains on inputs [steps, batch] and targets [steps, batch]; returns the losses."""
        # The loop becomes part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(inputs)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(inputs[step], targets[step]))
        return losses.stack()

    @tf.function(input_signature=[INPUTS, TARGETS])
    def gradients(self, inputs, targets):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(inputs, targets)
        return dict(zip(self.parameters, gradients))

    @tf.function(input_signature=[INPUTS, TARGETS])
    def measure(self, inputs, targets):
        """Returns the mean squared error on inputs [n]."""
        return self.loss(self.forward(inputs), targets)

    def evaluate(self, inputs, targets):
        """Returns the metrics on inputs [n]: the mean squared error."""
        return {"loss": float(self.measure(inputs, targets))}

    @tf.function(input_signature=[INPUTS])
    def predict(self, inputs):
        """Returns the predictions [n] for inputs [n]."""
        return self.forward(inputs)

    def variables(self):
        """Returns the value of every parameter by name."""
        return {name: parameter.numpy() for name, parameter in self.parameters.items()}

    def slots(self):
        """Returns the optimizer's state by name: none, gradient descent remembers nothing."""
        return {}

    def step(self):
        """Returns how many updates have been made."""
        return int(self.global_step)

    def save(self, directory):
        """Writes a checkpoint named after the step into `directory`; the last 3 are kept."""
        # A manager calls a checkpoint the newest before it is on disk; here it counts afterwards.
        with saving(directory, self.step()):
            # Made anew, it knows the files of an earlier run from the file `checkpoint`.
            manager = tf.train.CheckpointManager(
                self.checkpoint, directory, max_to_keep=3, checkpoint_name="model"
            )
            return manager.save(checkpoint_number=self.step())

    def restore(self, directory, warn=print_warning):
        """Loads the newest checkpoint in `directory`; returns its path, None if there is none."""
        # `tf.train.latest_checkpoint` returns None, and training would start over, when the file
        # `checkpoint` is damaged; it does not look whether the newest one is intact either.
        path = newest_checkpoint(directory, tf.train.load_checkpoint, warn)
        if path is None:
            return None
        with checkpoint_errors(path):
            # The assertion below comes when the variables have been assigned.
            reader = tf.train.load_checkpoint(path)
            require_variables(path, reader, by_path(tf.train.TrackableView(self.checkpoint)))
            # Without the assertion, whatever finds no partner is left as it is, in silence.
            self.checkpoint.restore(path).assert_consumed()
        return path

    # ---- EXPORT ------------------------------------------------------------------------------

    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""

        @tf.function(input_signature=[self.INPUTS])
        def serve(inputs):
            # What `tf.saved_model.load` makes of this checks no shape, whatever the signature.
            predictions = self.forward(tf.ensure_shape(inputs, [None]))
            return {"predictions": predictions}

        # What this object holds is written, so no optimizer and no slots. A variable that `serve`
        # uses must be among it; without the signature, there would be nothing to call.
        served = tf.Module()
        served.parameters = self.parameters
        tf.saved_model.save(served, directory, signatures={"serving_default": serve})


def train(config, progress=None):
    """Trains until `config.steps`, from the newest checkpoint on; returns a TrainingResult."""
    line = noisy_line(config.seed)
    model = LinearRegression(config)
    progress = progress or PrintedProgress()
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    checkpoint = model.restore(config.checkpoint_dir, progress.warn)
    progress.begin(model.step(), config.steps, checkpoint)
    with folder, stop_signals() as stop, open_training(config, model, "tf2_style") as training:
        for steps in chunks(model.step(), config.steps, config.report_every):
            inputs = np.broadcast_to(line.inputs, [len(steps), len(line.inputs)])
            targets = np.broadcast_to(line.targets, inputs.shape)
            losses = training.train_steps(steps, inputs, targets)
            progress.report(steps, losses, **model.variables())
            if config.log_dir:
                model.write_summaries(line.inputs, line.targets)
            if stop.received:
                raise Stopped(model.step(), model.save(config.checkpoint_dir))
            if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
                model.save(config.checkpoint_dir)
    return progress.finish(model.variables(), evaluate_on(model, line))


def evaluate_on(model, line):
    """Returns the loss, and the weight and bias beside the ones of least squares."""
    metrics = model.evaluate(line.inputs, line.targets)
    metrics.update(model.variables())
    weight, bias = least_squares(line)
    return dict(metrics, least_squares_weight=weight, least_squares_bias=bias)


def restored(config):
    """Returns the model of the newest checkpoint in `config.checkpoint_dir`."""
    model = LinearRegression(config)
    script.require_checkpoint(model.restore(config.checkpoint_dir), config.checkpoint_dir)
    return model


def evaluate(config):
    """Returns the metrics of a saved model on all points."""
    return evaluate_on(restored(config), noisy_line(config.seed))


def predict(config):
    """Returns a saved model's predictions beside the line that the points were made from."""
    line = noisy_line(config.seed)
    inputs = np.arange(-4, 5, dtype=np.float32) / 2
    model = restored(config)
    return {
        "x": inputs,
        "prediction": np.round(model.predict(inputs), 4),
        "true line": line.true_weight * inputs + line.true_bias,
    }


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    return script.run(__doc__, Config, train, evaluate, predict, arguments)


if __name__ == "__main__":
    sys.exit(main())
