"""A multi-layer perceptron on clothes (Fashion-MNIST), the TensorFlow 2 way: layers of Keras.

784 pixels, 128 ReLU units, 10 logits; Adam on the mean cross-entropy of a batch. After 5 epochs of
the sample about 0.85 of the test images are right; with all of Fashion-MNIST about 0.885.

Twin: tf1_style/mlp.py. Run: python -m tf2_style.mlp train. Next: tf2_style/mlp_fit.py.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import glorot_uniform
from shared.program import CLOTHES, ImageSettings, Program, setting
from tf2_style import checkpoints, export, many_steps, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1560, "train until this step, counted from the very first run")
    batch_size: int = setting(32, "images per step")
    learning_rate: float = setting(0.001, "step size of Adam")
    optimizer: str = optimizer_flags.adam("tf1")  # the faster one
    checkpoint_dir: str = setting("checkpoints/tf2_style/mlp")


class MLP:
    """Images [batch, 784] to logits [batch, 10] by two layers."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizer()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    LABELS = tf.TensorSpec([None], tf.int64, name="labels")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    LABEL_BATCHES = tf.TensorSpec([None, None], tf.int64, name="label_batches")
    # Function arguments replace placeholders. With a signature a tf.function is traced once;
    # without one it is traced again for every new batch size.

    # ---- PARAMETERS ----------------------------------------------------------------------------
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
        # Dense starts glorot-uniform too, but from numbers of its own: ours replace them.
        weights = glorot_uniform([inputs, units], self.random)
        layer = tf.keras.layers.Dense(units, activation, name=name)
        layer.build([None, inputs])  # creates the variables, which else wait for the first call
        layer.set_weights([weights, np.zeros([units], np.float32)])
        # Keras wraps each tf.Variable in one of its own, which has no `ref()`. `.value` is the one
        # inside: TF1Adam finds the slots of a variable by its `ref()`.
        weights, biases = layer.kernel.value, layer.bias.value
        self.parameters.update({name + "_weights": weights, name + "_biases": biases})
        return layer

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return self.model(images)

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the mean cross-entropy of the batch, a scalar."""
        # Sparse: labels are class numbers, and no one-hot rows are made. The mean over the batch,
        # as Keras's losses take it.
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        if self.config.optimizer == "tf1":
            self.optimizer = tf1_adam.TF1Adam(self.config.learning_rate)
        else:
            # Keras's own default epsilon is 1e-7: left there, the twins would train apart.
            self.optimizer = tf.keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)
        # Its variables are created here, not at the first update, so that a restore finds them.
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the loss and its gradients in the order of `parameters`."""
        # The tape records the forward pass while it runs, so it must be called inside the block.
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(images), labels)
        return loss, tape.gradient(loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients and counts the step."""
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)  # `apply_gradients` has no `global_step` argument

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right class."""
        matches = tf.equal(tf.argmax(logits, axis=1), labels)
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its loss from before the update."""
        loss, gradients = self.differentiate(images, labels)
        self.update(gradients)  # runs because it is called; nothing has to fetch it
        return loss

    @tf.function(input_signature=[IMAGE_BATCHES, LABEL_BATCHES])
    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch]; returns the losses."""
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
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        # For one example at a time a ConcreteFunction or TensorFlow Lite is faster: docs/speed.md.
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
    for losses in many_steps.on_rows(model.train_step, run.rows(tf.constant)):
        run.report(losses)


PROGRAM = Program(__doc__, Config, MLP, train, CLOTHES, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
