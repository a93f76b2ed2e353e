"""A convolutional network on handwritten digits, the TensorFlow 1 way: graph and Session.

Two layers of 5x5 convolution, ReLU and 2x2 max-pooling, 1,024 ReLU units, dropout, 10 logits;
Adam on the mean cross-entropy. The network of "Deep MNIST for experts": with all of MNIST and
20,000 steps of 50 images about 0.99 of the test digits are right.

Twin:  tf2_style/cnn.py
Run:   python -m tf1_style.cnn train
       python -m tf1_style.cnn predict
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
from shared.data.digits import load_digits
from shared.data.initial_values import truncated_normal
from shared.program import command_line as script
from shared.program.log_dir import LOG_DIR_HELP
from shared.program.progress import PrintedProgress, Stopped, print_warning, stop_signals
from shared.program.settings import count, positive, probability, seed, setting, whole
from shared.program.tracing import EVERY_HELP, STEPS_HELP, TRACE_HELP, open_training


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    data: str = setting("sample", script.DATA_HELP, to_restore=True)
    steps: int = setting(1000, "step to reach, counted from the very first run", count)
    batch_size: int = setting(50, "images a step", count)
    learning_rate: float = setting(1e-4, "step size of Adam", positive)
    keep_probability: float = setting(0.5, "share of units that dropout keeps", probability)
    seed: int = setting(0, "seed of initial values, batch order and dropout", seed)
    checkpoint_dir: str = setting(
        "checkpoints/tf1_style/cnn", script.CHECKPOINT_HELP, to_restore=True
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
        # Everything below only describes a graph; numbers appear when the Session runs a part.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.logits = self.forward(self.images, self.keep_probability)
            self.batch_loss = self.loss(self.logits, self.labels)
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.train_op = self.update(self.batch_gradients)
            self.batch_correct = self.correct(self.logits, self.labels)
            self.create_summaries()
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS ------------------------------------------------------------------------------

    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        # Dropout is off unless a run feeds something else.
        self.keep_probability = tf.placeholder_with_default(1.0, [], name="keep_probability")

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
        self.global_step = tf.train.get_or_create_global_step()

    def weights(self, name, shape):
        """Creates weights: normal, standard deviation 0.1, redrawn beyond two of them."""
        return self.parameter(name, truncated_normal(shape, 0.1, self.random))

    def biases(self, name, shape):
        """Creates biases of 0.1."""
        # Slightly above 0, so that no ReLU starts dead.
        return self.parameter(name, np.full(shape, 0.1, np.float32))

    def parameter(self, name, initial_value):
        """Creates one trainable variable and keeps it under its name."""
        # The name is the key in the checkpoint; the value comes with the initializer's run.
        self.parameters[name] = tf.get_variable(name, initializer=initial_value)
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
        # The `_v2` of this name lets gradients reach the labels; the plain name here does not.
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

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

    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SUMMARIES ---------------------------------------------------------------------------

    def create_summaries(self):
        """Creates what packs the loss, accuracy, learning rate and parameters for TensorBoard."""
        # Operations like any other: a run that does not fetch them writes nothing. A tag is the
        # name of its operation: one that is taken, be it by a variable, gets `_1` behind it.
        tf.summary.scalar("loss", self.batch_loss)
        tf.summary.scalar("accuracy", self.batch_correct / tf.shape(self.labels)[0])
        tf.summary.scalar("learning_rate", self.config.learning_rate)
        for name, parameter in self.parameters.items():
            tf.summary.histogram("parameters/" + name, parameter)
        self.summaries = tf.summary.merge_all()

    def open_summaries(self, directory):
        """Starts an event file in `directory`, beside those of earlier runs, with the graph."""
        with self.graph.as_default():  # outside of any graph, TensorFlow 2 refuses a FileWriter
            # Two runs that start within one second would otherwise write to the same file.
            self.writer = tf.summary.FileWriter(directory, filename_suffix=f".{self.step()}")
        self.writer.add_graph(self.graph)  # with the initial values, which are constants in it

    def write_summaries(self, images, labels):
        """Writes the summaries of this step, measured on one batch: images [batch, 784]."""
        # The bytes that a run returns still have to be written; without a step, all are at 0.
        feed_dict = {self.images: images, self.labels: labels}
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

    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        feed_dict = {
            self.images: images,
            self.labels: labels,
            self.keep_probability: self.config.keep_probability,
        }
        # The update runs because it is fetched; leave `train_op` out and nothing is learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        # A loop in Python: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {
            self.images: images,
            self.labels: labels,
            self.keep_probability: self.config.keep_probability,
        }
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

    def measure(self, images, labels):
        """Returns the mean loss and the number of right answers on images [n, 784]."""
        feed_dict = {self.images: images, self.labels: labels}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = 0.0, 0
        for start in range(0, len(images), 500):  # all at once would take gigabytes
            batch = slice(start, start + 500)
            batch_loss, batch_correct = self.measure(images[batch], labels[batch])
            loss += float(batch_loss) * len(images[batch])
            correct += int(batch_correct)
        return {"loss": loss / len(images), "accuracy": correct / len(images)}

    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.session.run(self.logits, {self.images: images})

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
            images = tf.placeholder(tf.float32, [None, 784], name="images")
            # A Session checks what is fed against the placeholder; TensorFlow 2, which makes a
            # function of this, would take any shape.
            logits = serving.forward(tf.ensure_shape(images, [None, 784]), keep_probability=None)
            # Names for the caller. From here on, `simple_save` would do it in one call.
            signature = tf.saved_model.predict_signature_def({"images": images}, {"logits": logits})
            builder = tf.saved_model.Builder(directory)
            builder.add_meta_graph_and_variables(
                session, [tf.saved_model.SERVING], {"serving_default": signature}
            )
            builder.save()


def train(config, progress=None):
    """Trains until `config.steps`, from the newest checkpoint on; returns a TrainingResult."""
    digits = load_digits(config.data)
    model = CNN(config)
    progress = progress or PrintedProgress()
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    checkpoint = model.restore(config.checkpoint_dir, progress.warn)
    progress.begin(model.step(), config.steps, checkpoint)
    with folder, stop_signals() as stop, open_training(config, model, "tf1_style") as training:
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
    model = restored(config)
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
