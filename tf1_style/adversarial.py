"""A generator and a discriminator on handwritten digits, the TensorFlow 1 way: by scopes.

Goodfellow et al., "Generative Adversarial Networks" (2014), with batch normalization.

Twin: tf2_style/adversarial.py. Run: python -m tf1_style.adversarial train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared import legacy_keras  # noqa: F401  brings tf.layers back in TensorFlow 2.21
from shared.data.initial_values import glorot_uniform
from shared.program import GENERATED_DIGITS, ImageSettings, Program, setting
from tf1_style import checkpoints, export, slots, summaries


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, and as many generated ones")
    learning_rate: float = setting(1e-3, "step size of both Adams")
    checkpoint_dir: str = setting("checkpoints/tf1_style/adversarial")


class Adversarial:
    """A generator, noise [batch, 32] to images, and a discriminator, images to a logit."""

    def __init__(self, config):
        self.config = config
        # All but `create_session` only describe a graph. Numbers appear when a Session runs it.
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.create_inputs()
            self.create_parameters()
            self.real_logits, self.fake_logits = self.judge(self.noise, self.images, training=True)
            self.losses = self.losses_of(self.real_logits, self.fake_logits)
            self.create_optimizers()
            self.batch_gradients = {name: self.differentiate(name) for name in self.variables_of}
            self.train_ops = {name: self.update(name) for name in self.variables_of}
            self.predictions = self.forward(self.noise)
            logits = self.judge(self.noise, self.images, training=False)
            self.batch_loss = tf.add_n(list(self.losses_of(*logits).values()))
            self.batch_correct = self.correct(*logits)
            self.create_checkpoint()
            self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 noise [batch, 32] and images [batch, 784]."""
        # A placeholder is a hole in the graph: every run must feed it.
        self.noise = tf.placeholder(tf.float32, [None, 32], name="noise")
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.batch = [self.noise, self.images]  # what a batch is fed to, in its order

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the stream of initial values and the step count."""
        # `tf.layers` creates the variables, when a network is called for the first time.
        self.random = np.random.RandomState(self.config.seed)
        self.global_step = tf.train.get_or_create_global_step()

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, noise, training=False):
        """Returns the images [batch, 784] that the generator makes of noise [batch, 32]."""
        # Later calls find the variables of the first by their names. AUTO_REUSE creates those that
        # it does not find, also of a mistyped name; `reuse=True` would raise at the first call.
        with tf.variable_scope("generator", reuse=tf.AUTO_REUSE):
            hidden = tf.nn.relu(self.normalize(self.dense("hidden", noise, 128), training))
            return tf.sigmoid(self.dense("output", hidden, 784, use_bias=True))

    def discriminate(self, images, training):
        """Returns the logits [batch, 1] that images [batch, 784] are real."""
        with tf.variable_scope("discriminator", reuse=tf.AUTO_REUSE):
            hidden = tf.nn.leaky_relu(self.normalize(self.dense("hidden", images, 128), training))
            return self.dense("output", hidden, 1, use_bias=True)

    def judge(self, noise, images, training):
        """Returns the logits [batch, 1] of images and of generated ones."""
        # One batch of both: normalized apart, a real and a generated batch that differ only in
        # mean and scale would be equal.
        both = tf.concat([images, self.forward(noise, training)], axis=0)
        logits = self.discriminate(both, training)
        return tf.split(logits, 2)

    def dense(self, name, values, units, use_bias=False):
        """Returns values [batch, inputs] times a kernel of the scope: [batch, units]."""
        initial = glorot_uniform([int(values.shape[1]), units], self.random)
        kernel = tf.constant_initializer(initial)  # ignored where the variable is found
        return tf.layers.dense(values, units, None, use_bias, kernel, name=name)

    def normalize(self, values, training):
        """Returns values [batch, units], normalized over the batch or by the averages."""
        # With training=True it adds what moves the averages to the collection UPDATE_OPS.
        return tf.layers.batch_normalization(values, training=training, name="norm")

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, label):
        """Returns the mean cross-entropy of logits [batch, 1] whose label is 1 or 0."""
        labels = tf.fill(tf.shape(logits), label)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def losses_of(self, real_logits, fake_logits):
        """Returns the losses of both networks by name."""
        of_real, of_fake = self.loss(real_logits, 1.0), self.loss(fake_logits, 0.0)
        # The generator wants its images called real.
        return {"discriminator": of_real + of_fake, "generator": self.loss(fake_logits, 1.0)}

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizers(self):
        """Creates an Adam for each network, the discriminator's first: beta1 0.5."""
        self.variables_of, self.parameters, self.optimizers = {}, {}, {}
        for name in ("discriminator", "generator"):
            # A scope is compared with the beginnings of names: hence the slash.
            found = tf.trainable_variables(name + "/")
            self.variables_of[name] = {variable.op.name: variable for variable in found}
            self.parameters.update(self.variables_of[name])
            self.optimizers[name] = tf.train.AdamOptimizer(self.config.learning_rate, beta1=0.5)
        # Not trainable, but in UPDATE_OPS and in the checkpoint.
        averages = [v for v in tf.global_variables() if "/moving_" in v.op.name]
        self.averages = {variable.op.name: variable for variable in averages}

    def differentiate(self, network):
        """Returns the gradients of a network's loss in the order of its variables."""
        # Without `var_list`, each loss would train both networks.
        var_list = list(self.variables_of[network].values())
        pairs = self.optimizers[network].compute_gradients(self.losses[network], var_list)
        return [gradient for gradient, _ in pairs]

    def update(self, network):
        """Returns the operation that applies a network's gradients and moves its averages."""
        # Without a scope, an update of either network would move the averages of both.
        moves = tf.get_collection(tf.GraphKeys.UPDATE_OPS, network + "/")
        with tf.control_dependencies(moves):  # else the averages stay as they began
            return self.optimizers[network].apply_gradients(
                zip(self.batch_gradients[network], self.variables_of[network].values()),
                global_step=self.global_step if network == "generator" else None,
            )

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, real_logits, fake_logits):
        """Returns in how many rows the real and the generated image are classified correctly."""
        both = tf.logical_and(real_logits > 0, fake_logits < 0)
        return tf.reduce_sum(tf.cast(both, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Starts the Session and runs the initial values into the variables."""
        self.session = tf.Session(graph=self.graph)
        self.session.run(tf.global_variables_initializer())

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, noise, images):
        """Updates the discriminator, then the generator; returns the loss of each before it."""
        feed_dict = {self.noise: noise, self.images: images}
        losses = {}
        for name in self.variables_of:
            # A run each: in one, the generator might see the discriminator before or after its
            # update, or in the midst of it.
            fetches = [self.losses[name], self.train_ops[name]]
            losses[name], _ = self.session.run(fetches, feed_dict)
        return losses

    def train_steps(self, noise, images):
        """Trains on noise [steps, batch, 32], images [steps, batch, 784]; returns the losses."""
        self.graph.finalize()  # else an operation added here by mistake would slow every step
        losses = [self.train_step(*batch) for batch in zip(noise, images)]
        return {name: np.array([loss[name] for loss in losses]) for name in self.variables_of}

    def measure(self, noise, images):
        """Returns the sum of both losses and the number of rows classified correctly."""
        feed_dict = {self.noise: noise, self.images: images}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def predict(self, noise):
        """Returns the images [n, 784] that are generated from noise [n, 32]."""
        return self.session.run(self.predictions, {self.noise: noise})

    def gradients(self, noise, images):
        """Returns the gradient of each network's loss by parameter name; updates nothing."""
        feed_dict = {self.noise: noise, self.images: images}
        gradients = self.session.run(list(self.batch_gradients.values()), feed_dict)
        return dict(zip(self.parameters, [*gradients[0], *gradients[1]]))

    def state_variables(self):
        """Returns the parameters and the averages of batch normalization by name."""
        return dict(self.parameters, **self.averages)

    def variables(self):
        """Returns the value of every parameter and average by name."""
        return self.session.run(self.state_variables())

    def slot_variables(self):
        """Returns the optimizers' slots by name: `m` and `v`, powers of beta of each network."""
        found = {}
        for name, parameters in self.variables_of.items():
            found.update(slots.of_adam(self.optimizers[name], parameters, scope=name + "/"))
        return found

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return self.session.run(self.slot_variables())

    def step(self):
        """Returns how many updates of both networks have been made."""
        return int(self.session.run(self.global_step))

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, averages, optimizers and step."""
        # A Saver keeps every variable that the graph has so far, under its name. One of
        # `tf.trainable_variables()` would leave the averages out.
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
        export.write(self, directory, inputs=self.noise, output_name="images")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for noise, images in run.batches():  # [steps, batch, 32] and [steps, batch, 784]
        run.report(model.train_steps(noise, images))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, Adversarial, train, GENERATED_DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
