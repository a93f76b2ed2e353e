"""Softmax regression by workers that do not wait for each other, the TensorFlow 1 way.

Every worker trains on batches of its own: it reads the variables from the parameter servers and
applies its gradient at once, whatever the others did meanwhile. Worker 0, the chief, also saves.

Twin: tf2_style/asynchronous_workers.py. Run: pairs workers asynchronous_workers --style tf1_style,
or on each machine, with TF_CONFIG: python -m tf1_style.asynchronous_workers train.
"""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.program import DIGITS, AsynchronousProgram, AsynchronousSettings, setting
from tf1_style import checkpoints, export, summaries


@dataclasses.dataclass(frozen=True)
class Config(AsynchronousSettings):
    """Hyperparameters. Each is a flag, and so are the settings of every program."""

    steps: int = setting(200, "train until this step, counted from the very first run")
    batch_size: int = setting(50, "images per step, all for one worker")
    learning_rate: float = setting(0.5, "step size; it multiplies a mean gradient")
    checkpoint_dir: str = setting("checkpoints/tf1_style/asynchronous_workers")


class AsynchronousWorkers:
    """Images [batch, 784] to logits [batch, 10]; each worker takes whole batches."""

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
            self.create_queues()
            self.create_checkpoint()

    # ---- INPUTS --------------------------------------------------------------------------------
    def create_inputs(self):
        """Creates the placeholders: float32 images [batch, 784] and labels [batch, 10]."""
        self.images = tf.placeholder(tf.float32, [None, 784], name="images")
        self.labels = tf.placeholder(tf.float32, [None, 10], name="labels")
        self.batch = [self.images, self.labels]

    def own(self, batches):
        """Returns the batches out of some steps that this worker trains on."""
        # Workers that shuffle for themselves train on some images twice, on others never. These
        # take turns, so a slow worker keeps the others waiting at the end of the steps.
        return batches[self.index :: self.workers]

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
        """Creates plain gradient descent, which every worker runs for itself."""
        # Without use_locking, two updates at the same time may overwrite each other in part.
        self.optimizer = tf.train.GradientDescentOptimizer(
            self.config.learning_rate, use_locking=True
        )

    def differentiate(self, loss):
        """Returns the gradients of the mean loss in the order of `parameters`."""
        # The mean over its own batch: gradients are neither averaged nor summed. When one is
        # applied, the others may have moved the weights that it was computed at.
        self.mean_loss = loss / self.config.batch_size
        pairs = self.optimizer.compute_gradients(self.mean_loss, list(self.parameters.values()))
        return [gradient for gradient, _ in pairs]

    def update(self, gradients):
        """Returns the operation that applies the gradients at once and counts the step."""
        # On the ref variables of 1.x, `global_step` of apply_gradients counts without a lock.
        updated = self.optimizer.apply_gradients(zip(gradients, self.parameters.values()))
        with tf.control_dependencies([updated]):
            return tf.assign_add(self.global_step, 1, use_locking=True)

    # ---- METRICS -------------------------------------------------------------------------------
    def correct(self, logits, labels):
        """Returns how many images have their largest logit at the right digit."""
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        return tf.reduce_sum(tf.cast(matches, tf.int32))

    # ---- SESSION -------------------------------------------------------------------------------
    ROLES = ("worker", "ps")

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

    def create_queues(self):
        """Creates `begin`, which waits until all have come, and `end`, until all have trained."""
        # Nothing else in this graph waits. Queues with the same shared_name on one server are one
        # queue. Without the first wait, a worker that comes late would find the others' step.
        others = self.workers - 1
        with tf.device("/job:ps/task:0" if self.cluster.jobs else None):
            come = tf.FIFOQueue(max(1, others), [tf.bool], [[]], shared_name="come")
            done = tf.FIFOQueue(max(1, others), [tf.bool], [[]], shared_name="done")
            go = [tf.FIFOQueue(1, [tf.bool], [[]], shared_name=f"go_{n}") for n in range(others)]
        if self.is_chief:
            with tf.control_dependencies([come.dequeue_many(others)]):
                self.begin = tf.group(*[queue.enqueue(True) for queue in go])
            self.end = done.dequeue_many(others)
        else:
            with tf.control_dependencies([come.enqueue(True)]):
                self.begin = go[self.index - 1].dequeue()
            self.end = done.enqueue(True)

    def start(self, path=None):
        """Starts the Session: the chief initializes or restores, and the others wait for that."""
        with self.graph.as_default():
            self.monitored = tf.train.MonitoredTrainingSession(
                self.target,
                self.is_chief,
                scaffold=self.scaffold(path),
                hooks=[KeepSession(self)],
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
        """Updates the parameters on one batch; returns its mean loss from before the update."""
        feed_dict = {self.images: images, self.labels: labels}
        loss, _ = self.monitored.run([self.mean_loss, self.train_op], feed_dict)
        return loss

    def train_steps(self, images, labels):
        """Trains on images [steps, batch, 784], labels [steps, batch, 10]; returns the losses.

        The losses of other workers' batches are not known here: this worker's last loss stands in
        their place.
        """
        self.session.run(self.begin)
        losses = [self.train_step(*batch) for batch in zip(self.own(images), self.own(labels))]
        # Without this wait, the chief would save in the middle of what the others do: updates that
        # the step counts and the saved weights lack, or the other way round.
        self.session.run(self.end)
        return np.repeat(np.array(losses, np.float32), self.workers)[: len(images)]

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
        """Returns how many updates have been made, by all workers together."""
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
        """Keeps a Session just created: the first, or another one after a failure."""
        self.model.session = session


def train(model, run):
    """Trains until the last step; `run` hands out batches, reports, and saves on the way."""
    for images, labels in run.batches():  # [steps, batch, 784] and [steps, batch, 10]
        run.report(model.train_steps(images, labels))


PROGRAM = AsynchronousProgram(
    __doc__, Config, AsynchronousWorkers, train, DIGITS, checkpoints, summaries
)

if __name__ == "__main__":
    sys.exit(PROGRAM.main())
