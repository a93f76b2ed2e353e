"""A generator and a discriminator on handwritten digits, the TensorFlow 2 way: by objects.

Goodfellow et al., "Generative Adversarial Networks" (2014), with batch normalization.

Twin: tf1_style/adversarial.py. Run: python -m tf2_style.adversarial train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.data.initial_values import glorot_uniform
from shared.program import GENERATED_DIGITS, ImageSettings, Program, setting
from tf2_style import checkpoints, export, optimizer_flags, slots, summaries, tf1_adam


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(1000, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, and as many generated ones")
    learning_rate: float = setting(1e-3, "step size of both Adams")
    optimizer: str = optimizer_flags.adam()
    checkpoint_dir: str = setting("checkpoints/tf2_style/adversarial")


class Adversarial:
    """A generator, noise [batch, 32] to images, and a discriminator, images to a logit."""

    def __init__(self, config):
        self.config = config  # there is no graph to describe: the methods compute when called
        self.create_parameters()
        self.create_optimizers()
        self.create_checkpoint()
        self.create_session()

    # ---- INPUTS --------------------------------------------------------------------------------
    NOISE = tf.TensorSpec([None, 32], tf.float32, name="noise")
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    NOISE_BATCHES = tf.TensorSpec([None, None, 32], tf.float32, name="noise_batches")
    IMAGE_BATCHES = tf.TensorSpec([None, None, 784], tf.float32, name="image_batches")
    # Function arguments replace placeholders; with a signature a tf.function is traced once.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates the variables of both networks and the step count."""
        self.random, self.averages = np.random.RandomState(self.config.seed), {}
        # The generator first: both draw from one stream, in the order of TensorFlow 1's calls.
        generator = self.create_network("generator", 32, 784)
        discriminator = self.create_network("discriminator", 784, 1)
        # Plain dicts take the place of scopes. They are updated in this order.
        self.variables_of = {"discriminator": discriminator, "generator": generator}
        self.parameters = {**discriminator, **generator}
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

    def create_network(self, name, inputs, outputs):
        """Returns the parameters of a network with 128 hidden units; creates its averages too."""
        kernels = [glorot_uniform(s, self.random) for s in ([inputs, 128], [128, outputs])]
        self.averages[name + "/norm/moving_mean"] = tf.Variable(tf.zeros([128]))
        self.averages[name + "/norm/moving_variance"] = tf.Variable(tf.ones([128]))
        return {
            name + "/hidden/kernel": tf.Variable(kernels[0]),
            name + "/norm/gamma": tf.Variable(tf.ones([128])),
            name + "/norm/beta": tf.Variable(tf.zeros([128])),
            name + "/output/kernel": tf.Variable(kernels[1]),
            name + "/output/bias": tf.Variable(tf.zeros([outputs])),
        }

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, noise, training=False, moves=False):
        """Returns the images [batch, 784] that the generator makes of noise [batch, 32]."""
        hidden = self.dense("generator/hidden", noise)
        hidden = tf.nn.relu(self.normalize("generator/norm", hidden, training, moves))
        return tf.sigmoid(self.dense("generator/output", hidden))

    def discriminate(self, images, training, moves=False):
        """Returns the logits [batch, 1] that images [batch, 784] are real."""
        hidden = self.dense("discriminator/hidden", images)
        hidden = self.normalize("discriminator/norm", hidden, training, moves)
        return self.dense("discriminator/output", tf.nn.leaky_relu(hidden))

    def judge(self, noise, images, training, moves=None):
        """Returns the logits [batch, 1] of images and of generated ones."""
        # `moves` names the network whose averages move: there are no UPDATE_OPS to choose from. A
        # layer of Keras moves them at each of its calls, so twice a step.
        # One batch of both: normalized apart, a real and a generated batch that differ only in
        # mean and scale would be equal.
        generated = self.forward(noise, training, moves == "generator")
        both = tf.concat([images, generated], axis=0)
        logits = self.discriminate(both, training, moves == "discriminator")
        return tf.split(logits, 2)

    def dense(self, name, values):
        """Returns values [batch, inputs] times the kernel of that name: [batch, units]."""
        products = tf.matmul(values, self.parameters[name + "/kernel"])
        bias = self.parameters.get(name + "/bias")
        return products if bias is None else tf.nn.bias_add(products, bias)

    def normalize(self, name, values, training, moves):
        """Returns values [batch, units], normalized over the batch or by the averages."""
        averages = [self.averages[name + "/moving_mean"], self.averages[name + "/moving_variance"]]
        mean, variance = tf.nn.moments(values, [0]) if training else averages
        if moves:  # 0.99, and 1e-3 below, are what `tf.layers` has by default
            # 1 - 0.99 in Python, as its layer has it for a matrix; for images it is in float32.
            for average, of_batch in zip(averages, (mean, variance)):
                average.assign_sub((average - of_batch) * (1 - 0.99))
        beta, gamma = self.parameters[name + "/beta"], self.parameters[name + "/gamma"]
        return tf.nn.batch_normalization(values, mean, variance, beta, gamma, 1e-3)

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
        adam = tf1_adam.TF1Adam if self.config.optimizer == "tf1" else tf.keras.optimizers.Adam
        self.optimizers = {}
        for name, parameters in self.variables_of.items():
            # Keras's own default epsilon is 1e-7.
            self.optimizers[name] = adam(self.config.learning_rate, 0.5, epsilon=1e-8)
            self.optimizers[name].build(list(parameters.values()))  # now: a restore needs slots

    def differentiate(self, network, noise, images, moves=None):
        """Returns a network's loss and its gradients in the order of its variables."""
        # A tape each: the generator's loss is that of the updated discriminator.
        with tf.GradientTape() as tape:
            losses = self.losses_of(*self.judge(noise, images, True, moves))
        variables = list(self.variables_of[network].values())
        return losses[network], tape.gradient(losses[network], variables)

    def update(self, gradients, network):
        """Applies a network's gradients; the generator's update, the last, counts the step."""
        variables = self.variables_of[network].values()
        self.optimizers[network].apply_gradients(list(zip(gradients, variables)))
        if network == "generator":
            self.global_step.assign_add(1)

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, real_logits, fake_logits):
        """Returns in how many rows the real and the generated image are classified correctly."""
        both = tf.logical_and(real_logits > 0, fake_logits < 0)
        return tf.reduce_sum(tf.cast(both, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_session(self):
        """Nothing to start or to run: a variable holds its value once it is created."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[NOISE, IMAGES])
    def train_step(self, noise, images):
        """Updates the discriminator, then the generator; returns the loss of each before it."""
        losses = {}
        for name in self.variables_of:
            losses[name], gradients = self.differentiate(name, noise, images, moves=name)
            self.update(gradients, name)
        return losses

    @tf.function(input_signature=[NOISE_BATCHES, IMAGE_BATCHES])
    def train_steps(self, noise, images):
        """Trains on noise [steps, batch, 32], images [steps, batch, 784]; returns the losses."""
        steps = tf.shape(images)[0]
        losses = {name: tf.TensorArray(tf.float32, steps) for name in self.variables_of}
        for step in tf.range(steps):
            of_step = self.train_step(noise[step], images[step])
            # A new dict at each step: items assigned in a graph's loop cannot be used after it.
            losses = {name: losses[name].write(step, of_step[name]) for name in losses}
        return {name: each.stack() for name, each in losses.items()}

    @tf.function(input_signature=[NOISE, IMAGES])
    def measure(self, noise, images):
        """Returns the sum of both losses and the number of rows classified correctly."""
        logits = self.judge(noise, images, training=False)
        return tf.add_n(list(self.losses_of(*logits).values())), self.correct(*logits)

    @tf.function(input_signature=[NOISE])
    def predict(self, noise):
        """Returns the images [n, 784] that are generated from noise [n, 32]."""
        return self.forward(noise)  # a tensor; a Session returns a NumPy array

    @tf.function(input_signature=[NOISE, IMAGES])
    def gradients(self, noise, images):
        """Returns the gradient of each network's loss by parameter name; updates nothing."""
        gradients = [self.differentiate(name, noise, images)[1] for name in self.variables_of]
        return dict(zip(self.parameters, [*gradients[0], *gradients[1]]))

    def state_variables(self):
        """Returns the parameters and the averages of batch normalization by name."""
        return {**self.parameters, **self.averages}

    def variables(self):
        """Returns the value of every parameter and average by name."""
        return {name: variable.numpy() for name, variable in self.state_variables().items()}

    def slot_variables(self):
        """Returns the optimizers' slots by name: `m` and `v`, of a TF1Adam also powers of beta."""
        found = {}
        for name, parameters in self.variables_of.items():
            found.update(slots.of_adam(self.optimizers[name], parameters, scope=name + "/"))
        return found

    def slots(self):
        """Returns the value of every optimizer slot by name."""
        return {name: slot.numpy() for name, slot in self.slot_variables().items()}

    def step(self):
        """Returns how many updates of both networks have been made."""
        return int(self.global_step)

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, averages, optimizers and step."""
        # A Checkpoint keeps the objects it is given, under the names of these arguments.
        optimizers = {name + "_optimizer": each for name, each in self.optimizers.items()}
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, **optimizers, **self.state_variables()
        )

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        manager = tf.train.CheckpointManager(self.checkpoint, directory, 3, checkpoint_name="model")
        return manager.save(checkpoint_number=self.step())

    def restore(self, path):
        """Loads the checkpoint at `path`."""
        # Without the assertion, a variable that finds no partner silently keeps its value.
        self.checkpoint.restore(path).assert_consumed()
        for optimizer in self.optimizers.values():
            optimizer.learning_rate = self.config.learning_rate  # Keras restores the old one

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.NOISE, output_name="images")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for noise, images in run.batches():  # [steps, batch, 32] and [steps, batch, 784]
        run.report(model.train_steps(noise, images))  # NumPy: a copy is cheap beside a step


PROGRAM = Program(__doc__, Config, Adversarial, train, GENERATED_DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
