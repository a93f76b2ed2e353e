"""A residual network on handwritten digits, the TensorFlow 2 way: variables, tf.function and tape.

Twin: tf1_style/residual_network.py. Run: python -m tf2_style.residual_network train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import truncated_normal
from shared.program import DIGITS, ImageSettings, Program, setting
from tf2_style import checkpoints, export, optimizer_flags, summaries, tf1_momentum


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(400, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(0.1, "initial learning rate")
    optimizer: str = optimizer_flags.momentum()
    decay_steps: int = setting(150, "steps between two drops of the learning rate")
    decay_rate: float = setting(0.2, "factor of each drop")
    weight_decay: float = setting(1e-4, "weight of the L2 penalty")
    checkpoint_dir: str = setting("checkpoints/tf2_style/residual_network")


class ResidualNetwork:
    """Images [batch, 784] to logits [batch, 10]: a convolution, two residual blocks, pooling."""

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
    # Function arguments replace placeholders. `is_training` is a plain bool: either way is traced.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the variables of all layers, and the step count."""
        self.random = np.random.RandomState(self.config.seed)
        self.parameters, self.batch_averages, self.batch_statistics = {}, {}, {}
        # Layers create variables when first called: here, for a tf.function must create no more.
        self.forward(tf.zeros([1, 784]), is_training=True)
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def scope(self, is_training):
        """Returns the variables by name: the parameters or, predicting, their averages."""
        return self.parameters if is_training else self.prediction_variables()

    def variable(self, variables, name, initializer, shape):
        """Returns the variable of this name; the first call creates it."""
        if name not in variables:
            variables[name] = tf.Variable(initializer(shape), dtype=tf.float32, name=name)
        return variables[name]

    def convolve(self, name, values, channels, is_training, size=3, strides=1):
        """Returns [batch, height / strides, width / strides, channels]."""
        shape = [size, size, values.shape[-1], channels]
        kernel = self.variable(self.scope(is_training), name + "/kernel", self.he_normal, shape)
        return tf.nn.conv2d(values, kernel, strides, padding="SAME")

    def normalize(self, name, values, is_training):
        """Returns `values` with mean beta and standard deviation gamma in each channel."""
        scope, shape = self.scope(is_training), values.shape[-1:]
        gamma = self.variable(scope, name + "/gamma", np.ones, shape)
        beta = self.variable(scope, name + "/beta", np.zeros, shape)
        mean = self.variable(self.batch_averages, name + "/moving_mean", np.zeros, shape)
        variance = self.variable(self.batch_averages, name + "/moving_variance", np.ones, shape)
        known = {"mean": [] if is_training else mean, "variance": [] if is_training else variance}
        normalized = tf.raw_ops.FusedBatchNormV3(
            x=values, scale=gamma, offset=beta, epsilon=1e-3, is_training=is_training, **known
        )
        if is_training:  # the moments of the batch; Keras's layer would move its averages here
            self.batch_statistics[name] = normalized.batch_mean, normalized.batch_variance
        return normalized.y

    def connect(self, name, values, units, is_training):
        """Returns [batch, units]."""
        scope, shape = self.scope(is_training), [values.shape[-1], units]
        kernel = self.variable(scope, name + "/kernel", self.he_normal, shape)
        bias = self.variable(scope, name + "/bias", np.zeros, [units])
        return tf.nn.bias_add(tf.matmul(values, kernel), bias)

    def he_normal(self, shape):
        """Returns He's normal values, float32: variance 2 / inputs before the truncation."""
        return truncated_normal(shape, np.sqrt(2 / np.prod(shape[:-1])), self.random)

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images, is_training=False):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        pixels = tf.reshape(images, [-1, 28, 28, 1])  # [batch, height, width, channels]
        stem = self.convolve("stem_conv", pixels, 8, is_training, strides=2)  # [batch, 14, 14, 8]
        values = tf.nn.relu(self.normalize("stem_norm", stem, is_training))
        values = self.block("block1", values, 8, is_training, strides=1)
        values = self.block("block2", values, 32, is_training, strides=2)  # [batch, 7, 7, 32]
        pooled = tf.reduce_mean(values, axis=[1, 2])
        return self.connect("output", pooled, 10, is_training)

    def block(self, name, values, channels, is_training, strides):
        """Returns relu(values + two convolutions of them), [batch, height, width, channels]."""
        conv1 = self.convolve(name + "_conv1", values, channels, is_training, strides=strides)
        norm1 = self.normalize(name + "_norm1", conv1, is_training)
        conv2 = self.convolve(name + "_conv2", tf.nn.relu(norm1), channels, is_training)
        norm2 = self.normalize(name + "_norm2", conv2, is_training)
        if strides > 1:  # a convolution of 1 x 1 gives the values the shape of what is added
            values = self.convolve(name + "_skip", values, channels, is_training, 1, strides)
        return tf.nn.relu(values + norm2)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # This is TF1's `_v2`, which lets gradients reach the labels.
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def penalty(self):
        """Returns the L2 penalty of all kernels."""
        parameters = self.parameters.items()
        penalties = [tf.nn.l2_loss(p) for name, p in parameters if name.endswith("/kernel")]
        # Grappler may reorder the terms of `tf.add_n`, which changes the last bits.
        return self.config.weight_decay * tf.reduce_sum(tf.stack(penalties))

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates momentum 0.9, the learning rate as a function of the step, the averages."""
        config, decay = self.config, (self.config.decay_steps, self.config.decay_rate)
        self.learning_rate = tf.keras.optimizers.schedules.ExponentialDecay(
            config.learning_rate, *decay, staircase=True
        )
        if config.optimizer == "tf1":
            self.optimizer = tf1_momentum.TF1Momentum(self.learning_rate, 0.9, self.global_step)
        else:
            self.optimizer = tf.keras.optimizers.SGD(self.learning_rate, 0.9)
        self.optimizer.build(list(self.parameters.values()))  # now, so that a restore finds slots
        # Given the step n, the decay is min(0.97, (1 + n) / (10 + n)): it forgets the start sooner.
        self.weight_averages = tf.train.ExponentialMovingAverage(0.97, self.global_step)
        self.weight_averages.apply(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        with tf.GradientTape() as tape:  # it records what runs inside the block
            logits = self.forward(images, is_training=True)
            loss = self.loss(logits, labels) + self.penalty()
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and moves all averages."""
        # In the order of `batch_averages`. TF1's layer computes 1 - 0.9 in float32: not 0.1.
        statistics = [each for pair in self.batch_statistics.values() for each in pair]
        for average, value in zip(self.batch_averages.values(), statistics):
            average.assign_sub((average - value) * (1 - tf.constant(0.9)))
        self.optimizer.apply_gradients(list(zip(gradients, self.parameters.values())))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument
        self.weight_averages.apply(list(self.parameters.values()))

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Does nothing: there is no Session, variables hold their values."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
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
        """Returns the mean loss without penalty and the number of right answers."""
        logits = self.forward(images)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784], by the averaged parameters."""
        return self.forward(images)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
        return dict(zip(self.parameters, gradients))

    def prediction_variables(self):
        """Returns the variables that predictions use, by the names that the layers ask for."""
        averages = {name: self.weight_averages.average(p) for name, p in self.parameters.items()}
        return dict(averages, **self.batch_averages)

    def state_variables(self):
        """Returns every variable but slots and step: parameters and both kinds of averages."""
        names = [name + "/ExponentialMovingAverage" for name in self.parameters]
        averages = [self.weight_averages.average(p) for p in self.parameters.values()]
        return dict(self.parameters, **self.batch_averages, **dict(zip(names, averages)))

    def variables(self):
        """Returns the value of every parameter and of every average by name."""
        return {name: variable.numpy() for name, variable in self.state_variables().items()}

    def slot_variables(self):
        """Returns the optimizer slots by name: `momentum` of each parameter."""
        slots = self.optimizer.variables[-len(self.parameters) :]  # after step count and rate
        return dict(zip([name + "/momentum" for name in self.parameters], slots))

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return {name: slot.numpy() for name, slot in self.slot_variables().items()}

    def step(self):
        """Returns how many updates have been made."""
        return int(self.global_step)

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, averages, optimizer and step."""
        # A Checkpoint keeps the objects it is given, under the names of these arguments.
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, optimizer=self.optimizer, **self.state_variables()
        )

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
        export.write(self, directory, inputs=self.IMAGES, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, ResidualNetwork, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
