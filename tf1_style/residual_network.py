"""A residual network on handwritten digits, the TensorFlow 1 way: layers, graph and Session.

Twin: tf2_style/residual_network.py. Run: python -m tf1_style.residual_network train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared import legacy_keras  # noqa: F401  brings tf.layers back in TensorFlow 2.21
from shared.data.initial_values import truncated_normal
from shared.program import DIGITS, ImageSettings, Program, setting
from tf1_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(400, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(0.1, "initial learning rate")
    decay_steps: int = setting(150, "steps between two drops of the learning rate")
    decay_rate: float = setting(0.2, "factor of each drop")
    weight_decay: float = setting(1e-4, "weight of the L2 penalty")
    checkpoint_dir: str = setting("checkpoints/tf1_style/residual_network")


class ResidualNetwork:
    """Images [batch, 784] to logits [batch, 10]: a convolution, two residual blocks, pooling."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.batch_loss = self.loss(self.logits, self.labels) + self.penalty()
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.train_op = self.update(self.batch_gradients)
            self.predictions = self.forward(self.images)  # again, on averages; adds no update
            self.test_loss = self.loss(self.predictions, self.labels)
            self.batch_correct = self.correct(self.predictions, self.labels)
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        self.batch = [self.images, self.labels]  # what a batch is fed to, in its order
        # A run that forgets to feed it normalizes by moving averages, and still trains.
        self.is_training = tf.placeholder_with_default(False, [], name="is_training")

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Builds the network for training, which creates its variables, and the step count."""
        self.random = np.random.RandomState(self.config.seed)
        self.options = {"kernel_initializer": self.he_normal, "kernel_regularizer": tf.nn.l2_loss}
        # Layers create their variables when they are called, in this order.
        self.logits = self.forward(self.images, self.is_training)
        self.parameters = {variable.op.name: variable for variable in tf.trainable_variables()}
        # The averages of batch normalization: global, but no gradient trains them.
        rest = [v for v in tf.global_variables() if v not in tf.trainable_variables()]
        self.batch_averages = {variable.op.name: variable for variable in rest}
        self.global_step = tf.train.get_or_create_global_step()

    def scope(self, is_training):
        """Returns a variable scope whose variables are the parameters or, predicting, averages."""
        scope, getter = tf.get_variable_scope(), self.variable if is_training is False else None
        return tf.variable_scope(scope, reuse=tf.AUTO_REUSE, custom_getter=getter)

    def variable(self, getter, name, *arguments, **settings):
        """The custom getter: returns a variable's moving average, or itself where it has none."""
        variable = getter(name, *arguments, **settings)
        average = self.weight_averages.average(variable)
        return variable if average is None else average

    def convolve(self, name, values, channels, is_training, size=3, strides=1):
        """Returns [batch, height / strides, width / strides, channels]."""
        with self.scope(is_training):
            return tf.layers.conv2d(
                values, channels, size, strides, "same", use_bias=False, name=name, **self.options
            )

    def normalize(self, name, values, is_training):
        """Returns `values` with mean beta and standard deviation gamma in each channel."""
        with self.scope(is_training):
            # Adds two updates to the collection UPDATE_OPS, which nothing runs by itself.
            return tf.layers.batch_normalization(
                values, momentum=0.9, epsilon=1e-3, training=is_training, name=name
            )

    def connect(self, name, values, units, is_training):
        """Returns [batch, units]."""
        with self.scope(is_training):
            return tf.layers.dense(values, units, name=name, **self.options)

    def he_normal(self, shape, dtype=None, partition_info=None):  # as tf.layers calls it
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
        # `_v2` lets gradients reach the labels; TF1's function without it does not.
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def penalty(self):
        """Returns the L2 penalty of all kernels."""
        # No loss has this collection by itself. Grappler may reorder the terms of `tf.add_n`.
        penalties = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
        return self.config.weight_decay * tf.reduce_sum(tf.stack(penalties))

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates momentum 0.9, the learning rate as a function of the step, the averages."""
        decay = self.config.decay_steps, self.config.decay_rate
        self.learning_rate = tf.train.exponential_decay(
            self.config.learning_rate, self.global_step, *decay, staircase=True
        )
        self.optimizer = tf.train.MomentumOptimizer(self.learning_rate, 0.9)
        # Given the step n, the decay is min(0.97, (1 + n) / (10 + n)): it forgets the start sooner.
        self.weight_averages = tf.train.ExponentialMovingAverage(0.97, self.global_step)

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`."""
        # Adds operations for the gradients to the graph.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients and moves all averages."""
        # Without UPDATE_OPS the averages of batches would never move; without the loss, a penalty
        # might read a kernel that this step has updated already.
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies([self.batch_loss, *updates]):
            applied = self.optimizer.apply_gradients(
                zip(gradients, self.parameters.values()), global_step=self.global_step
            )
        with tf.control_dependencies([applied]):  # averages take what the update has left
            return self.weight_averages.apply(list(self.parameters.values()))

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        feed_dict = {self.images: images, self.labels: labels, self.is_training: True}
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    def measure(self, images, labels):
        """Returns the mean loss without penalty and the number of right answers."""
        feed_dict = {self.images: images, self.labels: labels}
        return self.session.run([self.test_loss, self.batch_correct], feed_dict)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784], by the averaged parameters."""
        return self.session.run(self.predictions, {self.images: images})

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {self.images: images, self.labels: labels, self.is_training: True}
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

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
        return self.session.run(self.state_variables())

    def slot_variables(self):
        """Returns the optimizer slots by name: `momentum` of each parameter."""
        slots = [self.optimizer.get_slot(p, "momentum") for p in self.parameters.values()]
        return dict(zip([name + "/momentum" for name in self.parameters], slots))

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return self.session.run(self.slot_variables())

    def step(self):
        """Returns how many updates have been made."""
        return int(self.session.run(self.global_step))

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, averages, optimizer and step."""
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
        export.write(self, directory, inputs=self.images, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, ResidualNetwork, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
