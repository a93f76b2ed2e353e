"""A convolutional network on handwritten digits, the TensorFlow 2 way: tf.function and tape.

Two layers of 5x5 convolution, ReLU and 2x2 max-pooling, 1,024 ReLU units, dropout, 10 logits;
Adam on the mean cross-entropy. The network of "Deep MNIST for experts": with all of MNIST and
20,000 steps of 50 images about 0.99 of the test digits are right.

Twin:  tf1_style/cnn.py
Run:   python -m tf2_style.cnn train
       python -m tf2_style.cnn predict
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
from shared.data.digits import load_digits
from shared.data.initial_values import truncated_normal
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP, require_tensorboard
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, positive, probability, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training
from tf2_style.tf1_adam import TF1Adam


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    data: str = setting("sample", script.DATA_HELP, to_restore=True)
    steps: int = setting(1000, "step to reach, counted from the very first run", count)
    batch_size: int = setting(50, "images a step", count)
    learning_rate: float = setting(1e-4, "step size of Adam", positive)
    optimizer: str = setting(
        "keras",
        "Adam of Keras, or of TensorFlow 1's kernel; their checkpoints differ",
        choices=["keras", "tf1"],
        to_restore=True,
    )
    keep_probability: float = setting(0.5, "share of units that dropout keeps", probability)
    seed: int = setting(0, "seed of initial values, batch order and dropout", seed)
    checkpoint_dir: str = setting(
        "checkpoints/tf2_style/cnn", script.CHECKPOINT_HELP, to_restore=True
    )
    checkpoint_every: int = setting(500, "steps between two checkpoints", count)
    report_every: int = setting(100, "steps between two progress reports", count)
    log_dir: str = setting("", LOG_DIR_HELP)
    trace: str = setting("", TRACE_HELP)
    trace_every: int = setting(0, EVERY_HELP, whole)
    trace_steps: str = setting("", STEPS_HELP)


class CNN:
    """Images [batch, 784] to logits [batch, 10] by two convolutions and two matrices."""

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
    LABELS = tf.TensorSpec([None, 10], tf.float32, name="labels")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    LABEL_BATCHES = tf.TensorSpec([None, None, 10], tf.float32, name="label_batches")

    # ---- PARAMETERS --------------------------------------------------------------------------

    def create_parameters(self):
        """Creates the weights and biases of four layers, and the step count."""
        self.parameters = {}
        self.random = np.random.RandomState(self.config.seed)
        self.conv1_weights = self.weights("conv1_weights", [5, 5, 1, 32])
        self.conv1_biases = self.biases("conv1_biases", [32])
        self.conv2_weights = self.weights("conv2_weights", [5, 5, 32, 64])
        self.conv2_biases = self.biases("conv2_biases", [64])
        self.dense_weights = self.weights("dense_weights", [7 * 7 * 64, 1024])
        self.dense_biases = self.biases("dense_biases", [1024])
        self.output_weights = self.weights("output_weights", [1024, 10])
        self.output_biases = self.biases("output_biases", [10])
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def weights(self, name, shape):
        """Creates weights: normal, standard deviation 0.1, redrawn beyond two of them."""
        return self.parameter(name, truncated_normal(shape, 0.1, self.random))

    def biases(self, name, shape):
        """Creates biases of 0.1."""
        # Slightly above 0, so that no ReLU starts dead.
        return self.parameter(name, np.full(shape, 0.1, np.float32))

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # A variable holds its value at once. Its name is only for people to read.
        self.parameters[name] = tf.Variable(initial_value, name=name)
        return self.parameters[name]

    # ---- FORWARD -----------------------------------------------------------------------------

    def forward(self, images, keep_probability):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        pixels = tf.reshape(images, [-1, 28, 28, 1])  # [batch, height, width, channels]
        conv1 = tf.nn.relu(self.convolve(pixels, self.conv1_weights) + self.conv1_biases)
        pool1 = self.pool(conv1)  # [batch, 14, 14, 32]
        conv2 = tf.nn.relu(self.convolve(pool1, self.conv2_weights) + self.conv2_biases)
        pool2 = self.pool(conv2)  # [batch, 7, 7, 64]
        flat = tf.reshape(pool2, [-1, 7 * 7 * 64])
        dense = tf.nn.relu(tf.matmul(flat, self.dense_weights) + self.dense_biases)
        dropped = self.dropout(dense, keep_probability)  # [batch, 1024]
        return tf.matmul(dropped, self.output_weights) + self.output_biases

    def convolve(self, values, weights):
        """Returns [batch, height, width, outputs]; weights are [5, 5, inputs, outputs]."""
        return tf.nn.conv2d(values, weights, strides=1, padding="SAME")

    def pool(self, values):
        """Returns the maximum of every 2 x 2 square: half the height and width."""
        return tf.nn.max_pool2d(values, ksize=2, strides=2, padding="SAME")

    def dropout(self, values, keep_probability):
        """Sets each value to 0 but for a share of `keep_probability`; without one, none."""
        if keep_probability is None:
            return values
        kept = self.noise(tf.shape(values)) < keep_probability
        # Scaled, so that the expected value stays. Not divided: a division by a constant is made
        # a multiplication when a graph is optimized, one by a fed value is not.
        scale = 1 / tf.convert_to_tensor(keep_probability, tf.float32)
        # Selected, so that a dropped NaN is gone.
        return tf.where(kept, values * scale, tf.zeros_like(values))

    def noise(self, shape):
        """Returns uniform numbers in [0, 1), other ones at every step."""
        # Stateless: the same seed and step give the same numbers in either style, while the
        # seeds of `tf.nn.dropout` depend on how many operations were created before it.
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.global_step])
        return tf.random.stateless_uniform(shape, seed)

    # ---- LOSS --------------------------------------------------------------------------------

    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # From logits: -sum(labels * log(softmax)) is NaN as soon as a softmax rounds to 0.
        # This is the `_v2` of TensorFlow 1, which lets gradients reach the labels.
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE ------------------------------------------------------------------------------

    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = TF1Adam(self.config.learning_rate)
            self.apply_gradients = self.optimizer.apply_gradients
        else:
            # Keras's own default epsilon is 1e-7.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
            # Many operations, each a pass over 13 MB of weights; compiled by XLA, they become one.
            self.apply_gradients = tf.function(self.optimizer.apply_gradients, jit_compile=True)
        # Creates the slots now, not at the first update: a checkpoint is restored before it.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # There is no finished graph to walk back through: the tape records the forward pass
        # while it runs, so forward and loss must be called inside its block.
        with tf.GradientTape() as tape:
            logits = self.forward(images, self.config.keep_probability)
            loss = self.loss(logits, labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.apply_gradients(list(zip(gradients, self.parameters.values())))
        self.global_step.assign_add(1)  # no `global_step=` argument does it by the way

    # ---- METRICS -----------------------------------------------------------------------------

    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
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
        logits = self.forward(images, keep_probability=1.0)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = 0.0, 0
        for start in range(0, len(images), 500):  # all at once would take gigabytes
            batch = slice(start, start + 500)
            batch_loss, batch_correct = self.measure(images[batch], labels[batch])
            loss += float(batch_loss) * len(images[batch])
            correct += int(batch_correct)
        return {"loss": loss / len(images), "accuracy": correct / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.forward(images, keep_probability=1.0)

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
            logits = self.forward(tf.ensure_shape(images, [None, 784]), keep_probability=None)
            return {"logits": logits}

        # What this object holds is written, so no optimizer and no slots. A variable that `serve`
        # uses must be among it; without the signature, there would be nothing to call.
        served = tf.Module()
        served.parameters = self.parameters
        tf.saved_model.save(served, directory, signatures={"serving_default": serve})


def train(config, progress=None):
    """Trains until `config.steps`, from the newest checkpoint on; returns a TrainingResult."""
    digits = load_digits(config.data)
    model = CNN(config)
    progress = progress or PrintedProgress()
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    checkpoint = model.restore(config.checkpoint_dir, progress.warn)
    progress.begin(model.step(), config.steps, checkpoint)
    with folder, stop_signals() as stop, open_training(config, model, "tf2_style") as training:
        for steps in chunks(model.step(), config.steps, config.report_every):
            rows = batch_rows(len(digits.train_images), config.batch_size, steps, config.seed)
            losses = training.train_steps(
                steps, digits.train_images[rows], digits.train_labels[rows]
            )
            progress.report(steps, losses)
            if config.log_dir:
                model.write_summaries(digits.train_images[rows[-1]], digits.train_labels[rows[-1]])
            if stop.received:
                raise Stopped(model.step(), model.save(config.checkpoint_dir))
            if crosses(steps, config.checkpoint_every) or steps.stop == config.steps:
                model.save(config.checkpoint_dir)
    return progress.finish(
        model.variables(), model.evaluate(digits.test_images, digits.test_labels)
    )


def restored(config):
    """Returns the model of the newest checkpoint in `config.checkpoint_dir`."""
    model = CNN(config)
    script.require_checkpoint(model.restore(config.checkpoint_dir), config.checkpoint_dir)
    return model


def evaluate(config):
    """Returns the metrics of a saved model on the test images."""
    digits = load_digits(config.data)
    model = restored(config)  # named: a tf.function method does not keep its object alive
    return model.evaluate(digits.test_images, digits.test_labels)


def predict(config):
    """Returns what a saved model reads in the first ten test images, beside the truth."""
    digits = load_digits(config.data)
    model = restored(config)
    logits = model.predict(digits.test_images[:10])
    return {
        "image": range(10),
        "prediction": np.argmax(logits, axis=1),
        "truth": np.argmax(digits.test_labels[:10], axis=1),
    }


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    return script.run(__doc__, Config, train, evaluate, predict, arguments)


if __name__ == "__main__":
    sys.exit(main())
