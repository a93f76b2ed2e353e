"""A convolutional network on handwritten digits, the TensorFlow 2 way: tf.function and tape.

The network of "Deep MNIST for experts"; with all of MNIST and 20,000 steps 0.99 are right.

Twin: tf1_style/cnn.py. Run: python -m tf2_style.cnn train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import truncated_normal
from shared.program import DIGITS, ImageSettings, Program, setting
from tf2_style import checkpoints, export, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(1e-4, "step size of Adam")
    optimizer: str = optimizer_flags.adam("tf1")  # the faster one
    keep_probability: float = setting(0.5, "share of units that dropout keeps", is_probability=True)
    checkpoint_dir: str = setting("checkpoints/tf2_style/cnn")


class CNN:
    """Images [batch, 784] to logits [batch, 10] by two convolutions and two matrices."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizer()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    LABELS = tf.TensorSpec([None, 10], tf.float32, name="labels")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    LABEL_BATCHES = tf.TensorSpec([None, None, 10], tf.float32, name="label_batches")
    # Function arguments replace placeholders. With a signature a tf.function is traced once;
    # without one it is traced again for every new batch size.

    # ---- PARAMETERS ----------------------------------------------------------------------------
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

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images, keep_probability=None):
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
        """Scales a share `keep_probability` by 1 / it, sets the rest to 0; with None, keeps all."""
        if keep_probability is None:
            return values
        kept = self.noise(tf.shape(values)) < keep_probability
        # Scaled, so that the expected value stays. Not divided: a division by a constant is made
        # a multiplication when a graph is optimized, one by a fed value is not.
        scale = 1 / tf.convert_to_tensor(keep_probability, tf.float32)  # float32, as what is fed
        # Selected, so that a dropped NaN is gone.
        return tf.where(kept, values * scale, tf.zeros_like(values))

    def noise(self, shape):
        """Returns uniform numbers in [0, 1), different at each step."""
        # Stateless: the same seed and step give the same numbers in either style, while the
        # seeds of `tf.nn.dropout` depend on how many operations were created before it.
        seed = tf.stack([tf.constant(self.config.seed, tf.int64), self.global_step])
        return tf.random.stateless_uniform(shape, seed)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # From logits: -sum(labels * log(softmax)) is NaN as soon as a softmax rounds to 0.
        # This is TF1's `_v2`, which lets gradients reach the labels.
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = tf1_adam.TF1Adam(self.config.learning_rate)
            self.apply_gradients = self.optimizer.apply_gradients
        else:
            # Keras's own default epsilon is 1e-7.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
            # Many operations, each a pass over 13 MB of weights; compiled by XLA, they become one.
            self.apply_gradients = tf.function(self.optimizer.apply_gradients, jit_compile=True)
        # Its variables are created here, not at the first update, so that a restore finds them.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            logits = self.forward(images, self.config.keep_probability)
            loss = self.loss(logits, labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.apply_gradients(list(zip(gradients, self.parameters.values())))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[IMAGES, LABELS], autograph=False)
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        # No `if` or loop depends on a tensor: tracing without AutoGraph takes half the time.
        loss, gradients = self.differentiate(images, labels)
        self.update(gradients)  # runs because it is called; nothing has to fetch it
        return loss

    @tf.function(input_signature=[IMAGE_BATCHES, LABEL_BATCHES])
    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        # The loop is part of the graph: entering it is paid for once, not at every step.
        steps = tf.shape(images)[0]
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            losses = losses.write(step, self.train_step(images[step], labels[step]))
        return losses.stack()

    @tf.function(input_signature=[IMAGES, LABELS])
    def measure(self, images, labels):
        """Returns the mean loss and the number of right answers on images [n, 784]."""
        logits = self.forward(images)
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
        # For one example at a time, call what `predict.get_concrete_function()` returned once: that
        # skips the search for the trace. TensorFlow Lite is faster still (docs/speed.md).
        return self.forward(images)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
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
        export.write(self, directory, inputs=self.IMAGES, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    # All examples become tensors once: a tf.function copies a NumPy array at every call.
    for images, labels in run.batches(tf.constant, tf.gather):  # [steps, batch, ...] each
        run.report(model.train_steps(images, labels))


PROGRAM = Program(__doc__, Config, CNN, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
