"""Softmax regression by several workers, the TensorFlow 1 way: parameter servers, SyncReplicas.

Every worker computes the gradient of its share of a batch; a parameter server holds the variables
and updates them once all gradients are in. Worker 0, the chief, saves and reports.

Twin: tf2_style/several_workers.py. Run: pairs workers --style tf1_style, or on each machine,
with TF_CONFIG: python -m tf1_style.several_workers train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program import DIGITS, ClusterProgram, ClusterSettings, setting
from tf1_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(ClusterSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(200, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, of all workers together")
    learning_rate: float = setting(0.5, "step size; it multiplies a mean gradient")
    checkpoint_dir: str = setting("checkpoints/tf1_style/several_workers")


class SeveralWorkers:
    """Images [batch, 784] to logits [batch, 10]; each worker takes its share of a batch."""

    def __init__(self, config):
        self.config = config
        self.create_cluster()
        self.graph = tf.Graph()
        # Variables go to the parameter servers, in turn; everything else stays on this worker.
        with self.graph.as_default(), tf.device(self.device_setter):
            self.create_inputs()
            self.create_parameters()
            self.logits = self.forward(self.images)
            self.batch_loss = self.loss(self.logits, self.labels)
            self.create_optimizer()
            self.batch_gradients = self.differentiate(self.batch_loss)
            self.train_op = self.update(self.batch_gradients)
            self.batch_correct = self.correct(self.logits, self.labels)
            self.create_checkpoint()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        self.batch = [self.images, self.labels]

    def share(self, batch):
        """Returns the rows of a batch that this worker computes."""
        # All workers walk through the same order of batches. Each shuffling for itself would
        # train on some images twice and on others never.
        return batch[self.index :: self.workers]

    # ---- PARAMETERS ----------------------------------------------------------------------------
    def create_parameters(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # One copy, on a parameter server; every worker's graph has nodes of the same names.
        self.weights = tf.get_variable("weights", initializer=np.zeros([784, 10], np.float32))
        self.biases = tf.get_variable("biases", initializer=np.zeros([10], np.float32))
        self.parameters = {"weights": self.weights, "biases": self.biases}
        self.global_step = tf.train.get_or_create_global_step()

    # ---- FORWARD -------------------------------------------------------------------------------
    def forward(self, images):
        """Returns the logits [batch, 10] of images [batch, 784]."""
        return tf.matmul(images, self.weights) + self.biases

    # ---- LOSS ----------------------------------------------------------------------------------
    def loss(self, logits, labels):
        """Returns the cross-entropy summed over the images, a scalar."""
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_sum(losses)

    # ---- UPDATE --------------------------------------------------------------------------------
    def create_optimizer(self):
        """Creates plain gradient descent on the gradients of all workers."""
        self.optimizer = tf.train.GradientDescentOptimizer(self.config.learning_rate)
        if self.cluster.jobs:
            # Accumulators on the parameter servers average one gradient of each worker.
            self.optimizer = tf.train.SyncReplicasOptimizer(
                self.optimizer, self.workers, total_num_replicas=self.workers
            )

    def differentiate(self, loss):
        """Returns this worker's gradients in the order of `parameters`."""
        # The accumulators average: a worker's part of the mean over the whole batch counts
        # `workers` times. The mean over its own share is the same for equal shares only.
        self.part = loss / self.config.batch_size * self.workers
        pairs = self.optimizer.compute_gradients(self.part, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that hands in the gradients and waits for the next step."""
        # The chief updates, once a step, and counts it once. Clipping here would clip each
        # worker's gradients, before they are averaged.
        return self.optimizer.apply_gradients(
            zip(gradients, self.parameters.values()), global_step=self.global_step
        )

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
        self.workers, self.target, self.filters = 1, "", []
        self.device_setter = tf.train.replica_device_setter(
            cluster=self.cluster, worker_device=f"/job:worker/task:{self.index}"
        )
        if self.cluster.jobs:
            self.workers = self.cluster.num_tasks("worker")
            server = tf.train.Server(
                self.cluster, job_name=resolver.task_type, task_index=self.index
            )
            if resolver.task_type == "ps":
                server.join()  # serves until the process is ended
            self.target = server.target
            # A worker needs the parameter servers, not the other workers.
            self.filters = ["/job:ps", f"/job:worker/task:{self.index}"]
        self.is_chief = self.index == 0
        self.session: tf.Session = None  # `start` makes it
        self.restores = self.is_chief  # the others read the variables from the parameter servers

    def start(self, path=None):
        """Starts the Session: the chief initializes or restores, and the others wait for that."""
        hooks = [KeepSession(self)]
        if self.cluster.jobs:
            # Without num_tokens=0 there are tokens to begin with, and workers run a step ahead.
            hooks.append(self.optimizer.make_session_run_hook(self.is_chief, num_tokens=0))
        with self.graph.as_default():
            self.monitored = tf.train.MonitoredTrainingSession(
                self.target,
                self.is_chief,
                scaffold=self.scaffold(path),
                hooks=hooks,
                config=tf.ConfigProto(device_filters=self.filters),
            )

    def scaffold(self, path):
        """Returns what a Session starts from: initial values, or the checkpoint at `path`."""
        # The others wait until every variable has a value. So these must be the right ones at
        # once: to initialize and then restore would let them in between.
        if path is None:
            return tf.train.Scaffold(saver=self.saver)
        names = self.saver.saver_def
        return tf.train.Scaffold(
            saver=self.saver,
            init_op=self.graph.get_operation_by_name(names.restore_op_name),
            init_feed_dict={names.filename_tensor_name: path},
        )

    # ---- RUNNING -------------------------------------------------------------------------------
    def train_step(self, images, labels):
        """Updates the parameters on a batch; returns this worker's estimate of its mean loss."""
        feed_dict = {self.images: self.share(images), self.labels: self.share(labels)}
        loss, _ = self.monitored.run([self.part, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses."""
        return np.array([self.train_step(*batch) for batch in zip(images, labels)])

    def measure(self, images, labels):
        """Returns the summed loss and the number of right answers on images [n, 784]."""
        feed_dict = {self.images: images, self.labels: labels}
        return self.session.run([self.batch_loss, self.batch_correct], feed_dict)

    def evaluate(self, images, labels):
        """Returns the mean loss and the share of right answers on images [n, 784]."""
        loss, correct = self.measure(images, labels)
        return {"loss": float(loss) / len(images), "accuracy": int(correct) / len(images)}

    def predict(self, images):
        """Returns the logits [n, 10] of images [n, 784]."""
        return self.session.run(self.logits, {self.images: images})

    def gradients(self, images, labels):
        """Returns the gradient of one batch's loss by parameter name; updates nothing."""
        feed_dict = {self.images: images, self.labels: labels}
        return dict(zip(self.parameters, self.session.run(self.batch_gradients, feed_dict)))

    def variables(self):
        """Returns the value of every parameter by name."""
        return self.session.run(self.parameters)

    def slots(self):
        """Returns the optimizer slots by name: none, gradient descent remembers nothing."""
        return {}

    slot_variables = slots  # in other models the variables whose values `slots` returns

    def step(self):
        """Returns how many updates have been made."""
        return int(self.session.run(self.global_step))

    # ---- CHECKPOINT ----------------------------------------------------------------------------
    def create_checkpoint(self):
        """Creates what saves and restores parameters, optimizer and step."""
        self.saver = tf.train.Saver(max_to_keep=3)

    def save(self, directory):
        """Writes the checkpoint model-STEP into `directory`; returns its path."""
        prefix = f"{directory}/model"  # a Saver makes this folder, but none above it
        with self.graph.as_default():
            return self.saver.save(self.session, prefix, self.step(), write_meta_graph=False)

    def restore(self, path):
        """Starts from the checkpoint at `path`."""
        self.start(path)

    # ---- EXPORT --------------------------------------------------------------------------------
    def export(self, directory):
        """Writes what `predict` does as a SavedModel into the new folder `directory`."""
        export.write(self, directory, inputs=self.images, output_name="logits")


class KeepSession(tf.train.SessionRunHook):
    """Gives the model the plain Session, which a Saver needs and which runs no hooks."""

    def __init__(self, model):
        self.model = model

    def after_create_session(self, session, coord):
        """Takes a Session that has just started."""
        self.model.session = session


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))


PROGRAM = ClusterProgram(__doc__, Config, SeveralWorkers, train, DIGITS, checkpoints, summaries)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
