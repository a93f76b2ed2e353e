"""A convolutional network on handwritten digits, the TensorFlow 1 way: graph and Session.

The network of "Deep MNIST for experts"; with all of MNIST and 20,000 steps 0.99 are right.

Twin: tf2_style/cnn.py. Run: python -m tf1_style.cnn train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.data.initial_values import truncated_normal
from shared.program import DIGITS, ImageSettings, Program, setting
from tf1_style import checkpoints, export, slots, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step")
    learning_rate: float = setting(1e-4, "step size of Adam")
    keep_probability: float = setting(0.5, "share of units that dropout keeps", is_probability=True)
    checkpoint_dir: str = setting("checkpoints/tf1_style/cnn")


class CNN:
    """Images [batch, 784] to logits [batch, 10] by two convolutions and two matrices."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
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
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        self.batch = [self.images, self.labels]  # what a batch is fed to, in its order
        # Dropout is off unless a run feeds something else.
        self.keep_probability = tf.placeholder_with_default(1.0, [], name="keep_probability")

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
        # The name is the key in the checkpoint. The value exists once the initializer has run.
        self.parameters[name] = tf.get_variable(name, initializer=initial_value)
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
        # `_v2` lets gradients reach the labels; TF1's function without it does not.
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates Adam: beta1 0.9, beta2 0.999, epsilon 1e-8."""
        self.optimizer = tf.train.AdamOptimizer(self.config.learning_rate)

    def differentiate(self, loss):
        """Returns the gradients of the loss in the order of `parameters`."""
        # GATE_OP, the default: all gradients of an operation are computed before one is applied. In
        # 1.x an update could else change a ref variable that another gradient still has to read.
        pairs = self.optimizer.compute_gradients(loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients and counts the step."""
        # `optimizer.minimize(loss, global_step)` is `compute_gradients` and this in one call.
        return self.optimizer.apply_gradients(
            zip(gradients, self.parameters.values()), global_step=self.global_step
        )

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
        feed_dict = {
            self.images: images,
            self.labels: labels,
            self.keep_probability: self.config.keep_probability,
        }
        # The update runs because it is fetched. Without `train_op` nothing would be learned.
        loss, _ = self.session.run([self.batch_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        # A Python loop: every step pays for entering the Session and copying its batch.
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

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

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {
            self.images: images,
            self.labels: labels,
            self.keep_probability: self.config.keep_probability,
        }
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

    def variables(self):
        """Returns the value of every parameter by name."""
        return self.session.run(self.parameters)

    def slot_variables(self):
        """Returns the optimizer slots by name: `m` and `v` of each parameter, powers of beta."""
        return slots.of_adam(self.optimizer, self.parameters)

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return self.session.run(self.slot_variables())

    def step(self):
        """Returns how many updates have been made."""
        return int(self.session.run(self.global_step))

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
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
    # NumPy takes the rows of each batch; every `session.run` copies one into the Session.
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))


PROGRAM = Program(__doc__, Config, CNN, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
