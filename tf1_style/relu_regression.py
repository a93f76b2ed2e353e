"""A line fitted through a ReLU with Adam, the TensorFlow 1 way: Session and Saver.

relu(weight * x + bias) is fitted to 10,000 points of y = 2x + 1 with x in [0, 1), 100 epochs in
batches of 100. Every prediction ends within 0.01 of its point; `predict`, in a process of its
own, restores the model and reads the line beyond the points it saw.

Twin:  tf2_style/relu_regression.py
Run:   python -m tf1_style.relu_regression train
       python -m tf1_style.relu_regression predict
       python -m tf1_style.relu_regression train --initial-weight -1 --checkpoint-dir dead
"""

from __future__ import annotations

import copy
import dataclasses
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.checkpoints import (
    by_name,
    checkpoint_errors,
    claim_folder,
    managed_checkpoints,
    newest_checkpoint,
    require_variables,
    saving,
)
from shared.data.batch_order import batch_rows, chunks, crosses
from shared.data.regression_points import exact_line
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, number, positive, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    steps: int = setting(10_000, "step to reach, counted from the very first run", count)
    batch_size: int = setting(100, "points a step", count)
    learning_rate: float = setting(0.001, "step size of Adam", positive)
    initial_weight: float = setting(0.5, "weight before the first step", number)
    initial_bias: float = setting(0.0, "bias before the first step", number)
    seed: int = setting(0, "seed of the points and of the batch order", seed, to_restore=True)
    checkpoint_dir: str = setting(
        "checkpoints/tf1_style/relu_regression", script.CHECKPOINT_HELP, to_restore=True
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
        # Everything below only describes a graph; numbers appear when the Session runs a part.
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
            self.create_summaries()
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS ------------------------------------------------------------------------------

    def create_inputs(self):
        """Creates the placeholders: float32 inputs [batch] and targets [batch]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.inputs = tf.placeholder(tf.float32, [None], name="inputs")
        self.targets = tf.placeholder(tf.float32, [None], name="targets")

    # ---- PARAMETERS --------------------------------------------------------------------------

    def create_parameters(self):
        """Creates the weight and the bias, float32 scalars, and the step count."""
        # The name is the key in the checkpoint; the value comes with the initializer's run.
        self.weight = tf.get_variable("weight", initializer=self.config.initial_weight)
        self.bias = tf.get_variable("bias", initializer=self.config.initial_bias)
        self.parameters = {"weight": self.weight, "bias": self.bias}
        self.global_step = tf.train.get_or_create_global_step()

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
        self.optimizer = tf.train.AdamOptimizer(self.config.learning_rate)  # epsilon is 1e-8

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`."""
        # Walks back through the finished graph and adds the operations of the gradients to it.
        # Plain `tf.gradients` would let an update overwrite a variable that another gradient
        # has yet to read.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients and counts the step."""
        # `optimizer.minimize(loss, global_step)` is `compute_gradients` and this in one.
        return self.optimizer.apply_gradients(
            zip(gradients, self.parameters.values()), global_step=self.global_step
        )

    # ---- METRICS -----------------------------------------------------------------------------

    def correct(self, predictions, targets):
        """Returns how many predictions are within 0.01 of their target."""
        return tf.reduce_sum(tf.cast(tf.abs(predictions - targets) < 0.01, tf.int32))

    # ---- SUMMARIES ---------------------------------------------------------------------------

    def create_summaries(self):
        """Creates what packs the loss, accuracy, learning rate and parameters for TensorBoard."""
        # Operations like any other: a run that does not fetch them writes nothing. A tag is the
        # name of its operation: one that is taken, be it by a variable, gets `_1` behind it.
        tf.summary.scalar("loss", self.batch_loss)
        tf.summary.scalar("accuracy", self.batch_correct / tf.shape(self.targets)[0])
        tf.summary.scalar("learning_rate", self.config.learning_rate)
        for name, parameter in self.parameters.items():
            tf.summary.scalar("line/" + name, parameter)
            tf.summary.histogram("parameters/" + name, parameter)
        self.summaries = tf.summary.merge_all()

    def open_summaries(self, directory):
        """Starts an event file in `directory`, beside those of earlier runs, with the graph."""
        with self.graph.as_default():  # outside of any graph, TensorFlow 2 refuses a FileWriter
            # Two runs that start within one second would otherwise write to the same file.
            self.writer = tf.summary.FileWriter(directory, filename_suffix=f".{self.step()}")
        self.writer.add_graph(self.graph)  # with the initial values, which are constants in it

    def write_summaries(self, inputs, targets):
        """Writes the summaries of this step, measured on one batch: inputs [batch]."""
        # The bytes that a run returns still have to be written; without a step, all are at 0.
        feed_dict = {self.inputs: inputs, self.targets: targets}
        self.writer.add_summary(self.session.run(self.summaries, feed_dict), self.step())
        self.writer.flush()  # or TensorBoard sees it up to two minutes later

    def close_summaries(self):
        """Ends the event file; what was not flushed before would be lost in a crash."""
        self.writer.close()

    # ---- CHECKPOINT --------------------------------------------------------------------------

    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        # A Saver keeps every variable in the graph so far, under its name.
        self.saver = tf.train.Saver(max_to_keep=3)

    # ---- SESSION -----------------------------------------------------------------------------

    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())
        self.graph.finalize()  # an operation created in a training loop would leak: now it raises

    # ---- RUNNING -----------------------------------------------------------------------------

    def train_step(self, inputs, targets):
        """Updates the parameters on one batch; returns its loss from before the update."""
        feed_dict = {self.inputs: inputs, self.targets: targets}
        # The update runs because it is fetched; leave `train_op` out and nothing is learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, inputs, targets):
        """Trains on inputs [steps, batch] and targets [steps, batch]; returns the losses."""
        # A loop in Python: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(inputs, targets)])

    def gradients(self, inputs, targets):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {self.inputs: inputs, self.targets: targets}
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

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

    def variables(self):
        """Returns the value of every parameter by name."""
        return self.session.run(self.parameters)

    def slots(self):
        """Returns the optimizer's state by name: `m` and `v` of each parameter, powers of beta."""
        slots = {
            name + "/" + slot: self.optimizer.get_slot(parameter, slot)
            for name, parameter in self.parameters.items()
            for slot in ("m", "v")
        }
        with self.graph.as_default():  # `variables` looks in the default graph only
            others = {variable.op.name: variable for variable in self.optimizer.variables()}
        slots.update({name: others[name] for name in ("beta1_power", "beta2_power")})
        return self.session.run(slots)

    def step(self):
        """Returns how many updates have been made."""
        return int(self.session.run(self.global_step))

    def save(self, directory):
        """Writes a checkpoint named after the step into `directory`; the last 3 are kept."""
        prefix = os.path.join(directory, "model")
        # A Saver calls a checkpoint the newest before it is on disk; here it counts afterwards.
        with self.graph.as_default(), saving(directory, self.step()):
            tf.gfile.MakeDirs(directory)
            # Without the graph itself, which holds the initial values: __init__ builds it again.
            return self.saver.save(
                self.session, prefix, global_step=self.step(), write_meta_graph=False
            )

    def restore(self, directory, warn=print_warning):
        """Loads the newest checkpoint in `directory`; returns its path, None if there is none."""
        # `tf.train.latest_checkpoint` returns None, and training would start over, when the file
        # `checkpoint` is damaged; it does not look whether the newest one is intact either.
        path = newest_checkpoint(directory, tf.train.load_checkpoint, warn)
        if path is None:
            return None
        with self.graph.as_default(), checkpoint_errors(path):
            # A Saver passes over what the file has too much, and gives a variable the shape that
            # the file has, both in silence.
            reader = tf.train.load_checkpoint(path)
            require_variables(path, reader, by_name(tf.global_variables()))
            self.saver.restore(self.session, path)
        # A new Saver does not know the files of an earlier run, and would never delete them.
        self.saver.recover_last_checkpoints(managed_checkpoints(directory))
        return path

    # ---- EXPORT ------------------------------------------------------------------------------

    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        # A graph of its own, of the forward pass alone: the whole of a graph is written, and that
        # of the training has gradients, optimizer and slots.
        serving, values = copy.copy(self), self.variables()
        with tf.Graph().as_default(), tf.Session() as session:
            for name, value in values.items():
                # Zeros first: initial values would be constants in the graph, as large as these.
                variable = tf.get_variable(name, value.shape, initializer=tf.zeros_initializer())
                variable.load(value, session)
                setattr(serving, name, variable)
            inputs = tf.placeholder(tf.float32, [None], name="inputs")
            # A Session checks what is fed against the placeholder; TensorFlow 2, which makes a
            # function of this, would take any shape.
            predictions = serving.forward(tf.ensure_shape(inputs, [None]))
            # Names for the caller. From here on, `simple_save` would do it in one call.
            signature = tf.saved_model.predict_signature_def(
                {"inputs": inputs}, {"predictions": predictions}
            )
            builder = tf.saved_model.Builder(directory)
            builder.add_meta_graph_and_variables(
                session, [tf.saved_model.SERVING], {"serving_default": signature}
            )
            builder.save()


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
    with folder, stop_signals() as stop, open_training(config, model, "tf1_style") as training:
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
    model = restored(config)
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
