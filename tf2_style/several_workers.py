"""Softmax regression by several workers, the TensorFlow 2 way: a strategy, collective operations.

Every worker computes the gradient of its share of a batch; all add their gradients up and update
their own copies of the variables alike. Worker 0, the chief, saves and reports.

Twin: tf1_style/several_workers.py. Run: pairs workers --style tf2_style, or on each machine,
with TF_CONFIG: python -m tf2_style.several_workers train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.program import DIGITS, ClusterProgram, ClusterSettings, setting
from tf2_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(ClusterSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(200, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, of all workers together")
    learning_rate: float = setting(0.5, "step size; it multiplies a mean gradient")
    checkpoint_dir: str = setting("checkpoints/tf2_style/several_workers")


class SeveralWorkers:
    """Images [batch, 784] to logits [batch, 10]; each worker takes its share of a batch."""

    def __init__(self, config):
        self.config = config
        self.create_cluster()
        with self.strategy.scope():
            self.create_parameters()
            self.create_optimizer()
        self.create_checkpoint()

    # ---- INPUTS --------------------------------------------------------------------------------
    IMAGES = tf.TensorSpec([None, 784], tf.float32, name="images")
    LABELS = tf.TensorSpec([None, 10], tf.float32, name="labels")

    def share(self, batch):
        """Returns the rows of a batch that this worker computes."""
        # All workers walk through the same order of batches. Each shuffling for itself would
        # train on some images twice and on others never.
        return batch[self.index :: self.workers]

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # A copy on every worker; alike updates keep them alike.
        self.weights = tf.Variable(np.zeros([784, 10], np.float32), name="weights")
        self.biases = tf.Variable(np.zeros([10], np.float32), name="biases")
        self.parameters = {"weights": self.weights, "biases": self.biases}
        # Every replica adds one, and one of them counts. A sum would count `workers` a step.
        only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.global_step = tf.Variable(
            0, dtype=tf.int64, name="global_step", aggregation=only_first
        )

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return tf.matmul(images, self.weights) + self.biases

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the cross-entropy summed over the images, a scalar."""
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_sum(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates plain gradient descent on the gradients of all workers."""
        self.optimizer = tf.keras.optimizers.SGD(self.config.learning_rate)
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns this worker's part of the mean loss, and the gradients of that part."""
        with tf.GradientTape() as tape:
            # Keras adds the gradients up: each worker brings its part of the mean over the whole
            # batch. The mean over its own share would train with `workers` times the rate.
            part = self.loss(self.forward(images), labels) / self.config.batch_size
        return part, tape.gradient(part, list(self.parameters.values()))

    def update(self, gradients):
        """Adds up the gradients of all workers, applies the sum and counts the step."""
        # Every worker updates its own copy. Keras's `clipnorm` clips each worker's gradients,
        # before they are added up.
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        self.global_step.assign_add(1)

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    def create_cluster(self):
        """Joins the cluster in the role that TF_CONFIG gives; without it, trains alone."""
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        self.cluster = tf.train.ClusterSpec(resolver.cluster_spec())
        self.index = resolver.task_id or 0
        # Before anything else of TensorFlow runs: it starts this process's server.
        self.strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
        self.workers = self.strategy.num_replicas_in_sync
        self.is_chief = self.index == 0
        self.restores = True  # every worker has variables of its own

    def start(self):
        """Checks that all workers start from the same step; the strategy has joined them."""
        # Workers that restored from folders of their own would train on with unlike copies.
        step = tf.cast(self.global_step, tf.float32)
        mean = self.strategy.reduce(tf.distribute.ReduceOp.MEAN, step, axis=None)
        if float(mean) != self.step():
            raise RuntimeError(f"step {self.step()} here, {float(mean):g} in the mean")

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, images, labels):
        """Updates the parameters on a batch; returns its mean loss from before the update."""
        return self.distributed_step(self.share(images), self.share(labels))

    @tf.function(input_signature=[IMAGES, LABELS])
    def distributed_step(self, images, labels):
        """Trains on this worker's share; returns the mean loss over all shares."""
        part = self.strategy.run(self.replica_step, args=(images, labels))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, part, axis=None)

    def replica_step(self, images, labels):
        """Trains one replica on its share; returns its part of the mean loss."""
        part, gradients = self.differentiate(images, labels)
        self.update(gradients)
        return part

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    @tf.function(input_signature=[IMAGES, LABELS])
    def measure(self, images, labels):
        """Returns the summed loss and the number of right answers on images [n, 784]."""
        logits = self.forward(images)
        return self.loss(logits, labels), self.correct(logits, labels)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss) / len(images), "accuracy": int(correct) / len(images)}

    @tf.function(input_signature=[IMAGES])
    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.forward(images)

    @tf.function(input_signature=[IMAGES, LABELS])
    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        _, gradients = self.differentiate(images, labels)
        return dict(zip(self.parameters, gradients))

    def variables(self):
        """Returns the value of every parameter by name."""
        return {name: parameter.numpy() for name, parameter in self.parameters.items()}

    def slots(self):
        """Returns the optimizer slots by name: none, gradient descent remembers nothing."""
        return {}

    slot_variables = slots  # in other models the variables whose values `slots` returns

    def step(self):
        """Returns how many updates have been made."""
        return int(self.global_step.numpy())

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, optimizer=self.optimizer, **self.parameters
        )

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        manager = tf.train.CheckpointManager(self.checkpoint, directory, 3, checkpoint_name="model")
        return manager.save(checkpoint_number=self.step())

    def restore(self, path):
        """Starts from the checkpoint at `path`."""
        self.checkpoint.restore(path).assert_consumed()
        self.optimizer.learning_rate = self.config.learning_rate  # Keras restores the old one
        self.start()

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.IMAGES, output_name="logits")


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))


PROGRAM = ClusterProgram(__doc__, Config, SeveralWorkers, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
