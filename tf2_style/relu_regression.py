"""A line fitted through a ReLU with Adam, the TensorFlow 2 way: tf.function and Checkpoint.

relu(weight * x + bias) is fitted to 10,000 points of y = 2x + 1 with x in [0, 1), 100 epochs in
batches of 100. Every prediction ends within 0.01 of its point; `predict`, in a process of its
own, restores the model and reads the line beyond the points it saw.

Twin:  tf1_style/relu_regression.py
Run:   python -m tf2_style.relu_regression train
       python -m tf2_style.relu_regression predict
       python -m tf2_style.relu_regression train --initial-weight -1 --checkpoint-dir dead
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
from shared.data.batch_order import batch_rows, chunks, crosses
from shared.data.regression_points import exact_line
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP, require_tensorboard
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, number, positive, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training
from tf2_style.tf1_adam import TF1Adam


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    steps: int = setting(10_000, "step to reach, counted from the very first run", count)
    batch_size: int = setting(100, "points a step", count)
    learning_rate: float = setting(0.001, "step size of Adam", positive)
    optimizer: str = setting(
        "keras",
        "Adam of Keras, or of TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )
    initial_weight: float = setting(0.5, "weight before the first step", number)
    initial_bias: float = setting(0.0, "bias before the first step", number)
    seed: int = setting(0, "seed of the points and of the batch order", seed, to_restore=True)
    checkpoint_dir: str = setting(
        "checkpoints/tf2_style/relu_regression", script.CHECKPOINT_HELP, to_restore=True
    )
    checkpoint_every: int = setting(2000, "steps between two checkpoints", count)
    report_every: int = setting(1000, "steps between two progress reports", count)
    log_dir: str = setting("", LOG_DIR_HELP)
    trace: str = setting("", TRACE_HELP)
    trace_every: int = setting(0, EVERY_HELP, whole)
    trace_steps: str = setting("", STEPS_HELP)


DEAD_START = (
    "dead ReLU: weight {weight:g} and bias {bias:g} predict 0 for every point, so no gradient "
    "reaches either and nothing will be learned; start from a positive --initial-weight"
)


class ReluRegression:
    """Predicts y [batch] from x [batch] with one weight, one bias and a ReLU."""

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
        return tf.nn.relu(self.weight * inputs + self.bias)

    # ---- LOSS --------------------------------------------------------------------------------

    def loss(self, predictions, targets):
        """Returns the sum of squared errors, a scalar."""
        # Summed over the batch. Left out, `minimize` and a tape would sum all the same, but Keras's
        # `fit` would average.
        return tf.reduce_sum(tf.square(predictions - targets))

    # ---- UPDATE ------------------------------------------------------------------------------

    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        # Creates the slots now, not at the first update: a checkpoint is restored before it.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, inputs, targets):
        """Returns the loss and its gradients in the order of `parameters`."""
        # There is no finished graph to walk back through: the tape records the forward pass
        # while it runs, so forward and loss must be called inside its block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(inputs), targets)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # no `global_step=` argument does it by the way

    # ---- METRICS -----------------------------------------------------------------------------

    def correct(self, predictions, targets):
        """Returns how many predictions are within 0.01 of their target."""
        return tf.reduce_sum(tf.cast(tf.abs(predictions - targets) < 0.01, tf.int32))

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
        loss, correct = self.measure(inputs, targets)
        # Without a default writer the calls below would write nothing, in silence; without a
        # step they would raise. A tag is a string, written as it stands.
        with self.writer.as_default(step=self.step()):  # flushes at its end
            tf.summary.scalar("loss", loss)
            tf.summary.scalar("accuracy", correct / len(targets))
            tf.summary.scalar("learning_rate", self.config.learning_rate)
            for name, parameter in self.parameters.items():
                tf.summary.scalar("line/" + name, parameter)
                tf.summary.histogram("parameters/" + name, parameter)

    def close_summaries(self):
        """Ends the event file; what was not flushed before would be lost in a crash."""
        self.writer.close()

    # ---- CHECKPOINT --------------------------------------------------------------------------

    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        # A Checkpoint keeps the objects it is given, under the names they are given here.
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, optimizer=self.optimizer, **self.parameters
        )

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
        return self.forward(inputs)

    def variables(self):
        """Returns the value of every parameter by name."""
        return {name: parameter.numpy() for name, parameter in self.parameters.items()}

    def slots(self):
        """Returns the optimizer's state by name: `m` and `v` of each parameter, powers of beta."""
        names = [name + "/" + slot for name in self.parameters for slot in ("m", "v")]
        # Both optimizers list two numbers first, then their slots: Keras knows them by position.
        slots = dict(zip(names, self.optimizer.variables[2:]))
        if self.config.optimizer == "tf1":  # Keras computes the powers from its step count
            slots["beta1_power"] = self.optimizer.beta1_power
            slots["beta2_power"] = self.optimizer.beta2_power
        return {name: slot.numpy() for name, slot in slots.items()}

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
        # Keras saves the learning rate too; the one asked for now must win.
        self.optimizer.learning_rate = self.config.learning_rate
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
    line = exact_line(config.seed)
    model = ReluRegression(config)
    progress = progress or PrintedProgress()
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    checkpoint = model.restore(config.checkpoint_dir, progress.warn)
    progress.begin(model.step(), config.steps, checkpoint)
    if not np.any(model.predict(line.inputs)):
        progress.warn(DEAD_START.format(**model.variables()))
    with folder, stop_signals() as stop, open_training(config, model, "tf2_style") as training:
        for steps in chunks(model.step(), config.steps, config.report_every):
            rows = batch_rows(len(line.inputs), config.batch_size, steps, config.seed)
            losses = training.train_steps(steps, line.inputs[rows], line.targets[rows])
            progress.report(steps, losses, **model.variables())
            if config.log_dir:
                model.write_summaries(line.inputs[rows[-1]], line.targets[rows[-1]])
            if stop.received:
                raise Stopped(model.step(), model.save(config.checkpoint_dir))
            if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
                model.save(config.checkpoint_dir)
    return progress.finish(model.variables(), model.evaluate(line.inputs, line.targets))


def restored(config):
    """Returns the model of the newest checkpoint in `config.checkpoint_dir`."""
    model = ReluRegression(config)
    script.require_checkpoint(model.restore(config.checkpoint_dir), config.checkpoint_dir)
    return model


def evaluate(config):
    """Returns the metrics of a saved model on all points."""
    line = exact_line(config.seed)
    model = restored(config)  # named: a tf.function method does not keep its object alive
    return model.evaluate(line.inputs, line.targets)


def predict(config):
    """Returns a saved model's predictions for x = 0, 0.1 ... 1.9 beside the true line."""
    line = exact_line(config.seed)
    inputs = np.arange(20, dtype=np.float32) / 10
    model = restored(config)
    return {
        "x": inputs,
        "prediction": np.round(model.predict(inputs), 4),
        "true line": np.round(line.true_weight * inputs + line.true_bias, 4),
    }


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    return script.run(__doc__, Config, train, evaluate, predict, arguments)


if __name__ == "__main__":
    sys.exit(main())
