"""A multi-layer perceptron on clothes (Fashion-MNIST), the TensorFlow 2 way: layers of Keras.

784 pixels, 128 ReLU units, 10 logits; Adam on the mean cross-entropy. After 5 epochs in batches of
32, which are 1,560 steps of the sample, about 0.85 of the test images are right; with all of
Fashion-MNIST and 9,375 steps about 0.885.

Twin:  tf1_style/mlp.py
Run:   python -m tf2_style.mlp train
       python -m tf2_style.mlp predict
Next:  tf2_style/mlp_fit.py, the same model through compile, fit and evaluate
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
from shared.data.fashion import class_names, load_fashion
from shared.data.initial_values import glorot_uniform
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP, require_tensorboard
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, positive, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training
from tf2_style.tf1_adam import TF1Adam


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    data: str = setting("sample", script.FASHION_HELP, to_restore=True)
    steps: int = setting(1560, "step to reach, counted from the very first run", count)
    batch_size: int = setting(32, "images a step", count)
    learning_rate: float = setting(0.001, "step size of Adam", positive)
    optimizer: str = setting(
        "keras",
        "Adam of Keras, or of TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )
    seed: int = setting(0, "seed of initial values and batch order", seed)
    checkpoint_dir: str = setting(
        "checkpoints/tf2_style/mlp", script.CHECKPOINT_HELP, to_restore=True
    )
    checkpoint_every: int = setting(500, "steps between two checkpoints", count)
    report_every: int = setting(100, "steps between two progress reports", count)
    log_dir: str = setting("", LOG_DIR_HELP)
    trace: str = setting("", TRACE_HELP)
    trace_every: int = setting(0, EVERY_HELP, whole)
    trace_steps: str = setting("", STEPS_HELP)


class MLP:
    """Images [batch, 784] to logits [batch, 10] by two layers."""

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
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    LABELS = tf.TensorSpec([None], tf.int64, name="labels")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    LABEL_BATCHES = tf.TensorSpec([None, None], tf.int64, name="label_batches")

    # ---- PARAMETERS --------------------------------------------------------------------------

    def create_parameters(self):
        """Creates the weights and biases of two layers, and the step count."""
        self.parameters = {}
        self.random = np.random.RandomState(self.config.seed)
        hidden = self.create_layer("hidden", 784, 128, "relu")
        output = self.create_layer("output", 128, 10)
        self.model = tf.keras.Sequential([tf.keras.Input([784]), hidden, output])
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def create_layer(self, name, inputs, units, activation=None):
        """Creates weights [inputs, units], glorot-uniform, and biases [units], zero."""
        # Dense starts glorot-uniform too, but from numbers of its own: ours are put in their place.
        weights = glorot_uniform([inputs, units], self.random)
        biases = np.zeros([units], np.float32)
        layer = tf.keras.layers.Dense(units, activation, name=name)
        layer.build([None, inputs])  # creates the variables, which else wait for the first call
        layer.set_weights([weights, biases])
        self.parameter(name + "_weights", layer.kernel)
        self.parameter(name + "_biases", layer.bias)
        return layer

    def parameter(self, name, variable):
        """Keeps one trainable variable of a layer under its name."""
        # Keras wraps each tf.Variable in one of its own; `.value` is the one inside, which a
        # Checkpoint and the optimizers' kernels take.
        self.parameters[name] = variable.value
        return self.parameters[name]

    # ---- FORWARD -----------------------------------------------------------------------------

    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return self.model(images)

    # ---- LOSS --------------------------------------------------------------------------------

    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # Sparse: labels are class numbers, and no one-hot rows are made. The mean over the batch,
        # as Keras's losses take it.
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE ------------------------------------------------------------------------------

    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7: left there, the twins would train apart.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        # Creates the slots now, not at the first update: a checkpoint is restored before it.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # There is no finished graph to walk back through: the tape records the forward pass
        # while it runs, so forward and loss must be called inside its block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(images), labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # no `global_step=` argument does it by the way

    # ---- METRICS -----------------------------------------------------------------------------

    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right class."""
        matches = tf.equal(tf.argmax(logits, axis=1), labels)
        return tf.reduce_sum(tf.cast(matches, tf.int32))

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

    def write_summaries(self, images, labels):
        """Writes the summaries of this step, measured on one batch: images [batch, 784]."""
        loss, correct = self.measure(images, labels)
        # Without a default writer the calls below would write nothing, in silence; without a
        # step they would raise. A tag is a string, written as it stands.
        with self.writer.as_default(step=self.step()):  # flushes at its end
            tf.summary.scalar("loss", loss)
            tf.summary.scalar("accuracy", correct / len(labels))
            tf.summary.scalar("learning_rate", self.config.learning_rate)
            for name, parameter in self.parameters.items():
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

    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(images, labels)
        self.update(gradients)  # runs because it stands here; nothing has to fetch it
        return loss

    @tf.function(input_signature=[IMAGE_BATCHES, LABEL_BATCHES])
    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        # The loop becomes part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(images)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(images[step], labels[step]))
        return losses.stack()

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
        return dict(zip(self.parameters, gradients))

    @tf.function(input_signature=[IMAGES, LABELS])
    def measure(self, images, labels):
        """Returns the mean loss and the number of right answers on images [n, 784]."""
        logits = self.forward(images)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.forward(images)

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

        @tf.function(input_signature=[self.IMAGES])
        def serve(images):
            # What `tf.saved_model.load` makes of this checks no shape, whatever the signature.
            logits = self.forward(tf.ensure_shape(images, [None, 784]))
            return {"logits": logits}

        # What this object holds is written, so no optimizer and no slots. A variable that `serve`
        # uses must be among it; without the signature, there would be nothing to call.
        served = tf.Module()
        served.parameters = self.parameters
        tf.saved_model.save(served, directory, signatures={"serving_default": serve})


def train(config, progress=None):
    """Trains until `config.steps`, from the newest checkpoint on; returns a TrainingResult."""
    clothes = load_fashion(config.data)
    model = MLP(config)
    progress = progress or PrintedProgress()
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    checkpoint = model.restore(config.checkpoint_dir, progress.warn)
    progress.begin(model.step(), config.steps, checkpoint)
    with folder, stop_signals() as stop, open_training(config, model, "tf2_style") as training:
        for steps in chunks(model.step(), config.steps, config.report_every):
            rows = batch_rows(len(clothes.train_images), config.batch_size, steps, config.seed)
            losses = training.train_steps(
                steps, clothes.train_images[rows], clothes.train_labels[rows]
            )
            progress.report(steps, losses)
            if config.log_dir:
                model.write_summaries(
                    clothes.train_images[rows[-1]], clothes.train_labels[rows[-1]]
                )
            if stop.received:
                raise Stopped(model.step(), model.save(config.checkpoint_dir))
            if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
                model.save(config.checkpoint_dir)
    return progress.finish(
        model.variables(), model.evaluate(clothes.test_images, clothes.test_labels)
    )


def restored(config):
    """Returns the model of the newest checkpoint in `config.checkpoint_dir`."""
    model = MLP(config)
    script.require_checkpoint(model.restore(config.checkpoint_dir), config.checkpoint_dir)
    return model


def evaluate(config):
    """Returns the metrics of a saved model on the test images."""
    clothes = load_fashion(config.data)
    model = restored(config)  # named: a tf.function method does not keep its object alive
    return model.evaluate(clothes.test_images, clothes.test_labels)


def predict(config):
    """Returns what a saved model sees in the first ten test images, beside the truth."""
    clothes = load_fashion(config.data)
    model = restored(config)
    logits = model.predict(clothes.test_images[:10])
    return {
        "image": range(10),
        "prediction": class_names(np.argmax(logits, axis=1)),
        "truth": class_names(clothes.test_labels[:10]),
    }


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    return script.run(__doc__, Config, train, evaluate, predict, arguments)


if __name__ == "__main__":
    sys.exit(main())
