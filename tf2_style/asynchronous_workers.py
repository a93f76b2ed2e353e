"""Softmax regression by workers that do not wait for each other, the TensorFlow 2 way.

The chief hands out a batch to every worker that is free: the worker reads the variables from the
parameter servers and applies its gradient at once, whatever the others did meanwhile.

Twin: tf1_style/asynchronous_workers.py. Run: pairs workers asynchronous_workers --style tf2_style,
or on each machine, with TF_CONFIG: python -m tf2_style.asynchronous_workers train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow as tf

from shared.program import DIGITS, AsynchronousProgram, AsynchronousSettings, setting
from tf2_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(AsynchronousSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(200, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, all for one worker")
    learning_rate: float = setting(0.5, "step size; it multiplies a mean gradient")
    checkpoint_dir: str = setting("checkpoints/tf2_style/asynchronous_workers")


class AsynchronousWorkers:
    """Images [batch, 784] to logits [batch, 10]; each worker takes whole batches."""

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
    # The chief sends each batch. `create_per_worker_dataset` of the coordinator lets workers read
    # for themselves, which is faster, but nobody knows then which batches have been trained on.

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # Under the strategy's scope they go to the parameter servers, in turn.
        self.weights = tf.Variable(np.zeros([784, 10], np.float32), name="weights")
        self.biases = tf.Variable(np.zeros([10], np.float32), name="biases")
        self.parameters = {"weights": self.weights, "biases": self.biases}
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")

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
        """Creates plain gradient descent, which every worker runs for itself."""
        # A lock is always taken. But `iterations`, from which Adam computes its bias correction, is
        # read, raised and written back without one: workers that meet there lose counts.
        self.optimizer = tf.keras.optimizers.SGD(self.config.learning_rate)
        self.optimizer.build(list(self.parameters.values()))

    def differentiate(self, images, labels):
        """Returns the mean loss and its gradients in the order of `parameters`."""
        with tf.GradientTape() as tape:
            # The mean over its own batch: gradients are neither averaged nor summed. When one is
            # applied, the others may have moved the weights that it was computed at.
            mean_loss = self.loss(self.forward(images), labels) / self.config.batch_size
        return mean_loss, tape.gradient(mean_loss, list(self.parameters.values()))

    def update(self, gradients):
        """Applies the gradients at once."""
        # Count in the chief, not here: if its worker dies, this runs a second time for one batch.
        self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    ROLES = ("chief", "worker", "ps")

    def create_cluster(self):
        """Joins the cluster in the role that TF_CONFIG gives; without it, trains alone."""
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver(rpc_layer="grpc")
        self.cluster = tf.train.ClusterSpec(resolver.cluster_spec())
        self.strategy, self.coordinator = tf.distribute.get_strategy(), None
        if self.cluster.jobs:
            # The workers serve too: all that they run, the chief sends them.
            if resolver.task_type != "chief":
                server = tf.distribute.Server(
                    self.cluster, job_name=resolver.task_type, task_index=resolver.task_id
                )
                server.join()  # serves until the process is ended
            self.strategy = tf.distribute.ParameterServerStrategy(resolver)
            self.coordinator = tf.distribute.coordinator.ClusterCoordinator(self.strategy)
        self.restores = True  # nobody but the chief comes here

    def start(self):
        """Nothing to start: the strategy has joined the servers, and variables have values."""

    # ---- RUNNING -------------------------------------------------------------------------------
    @tf.function(input_signature=[IMAGES, LABELS])
    def train_step(self, images, labels):
        """Updates the parameters on one batch; returns its mean loss from before the update."""
        return self.strategy.run(self.replica_step, args=(images, labels))

    def replica_step(self, images, labels):
        """Trains one replica on a batch; returns its mean loss."""
        mean_loss, gradients = self.differentiate(images, labels)
        self.update(gradients)
        return mean_loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        batches = list(zip(map(tf.constant, images), map(tf.constant, labels)))
        if self.coordinator is None:
            losses = [self.train_step(*batch) for batch in batches]
        else:
            schedule = self.coordinator.schedule
            losses = [schedule(self.train_step, args=batch) for batch in batches]
            # Without this wait, the chief would save in the middle of what the workers do.
            self.coordinator.join()
            losses = self.coordinator.fetch(losses)
        self.global_step.assign_add(len(batches))
        return np.array(losses)

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
        """Returns how many batches have been trained on, by all workers together."""
        return int(self.global_step.numpy())

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        self.checkpoint = tf.train.Checkpoint(
            global_step=self.global_step, optimizer=self.optimizer, **self.parameters
        )
        # Each server would write what it holds, into a folder of its own machine.
        self.by_chief = tf.train.CheckpointOptions(experimental_io_device="/device:CPU:0")

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        manager = tf.train.CheckpointManager(self.checkpoint, directory, 3, checkpoint_name="model")
        return manager.save(checkpoint_number=self.step(), options=self.by_chief)

    def restore(self, path):
        """Starts from the checkpoint at `path`."""
        self.checkpoint.restore(path, self.by_chief).assert_consumed()
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


PROGRAM = AsynchronousProgram(
    __doc__, Config, AsynchronousWorkers, train, DIGITS, checkpoints, summaries
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
