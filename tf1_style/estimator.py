"""Training loops, the TensorFlow 1 way: MonitoredTrainingSession, hooks, Estimator.

One layer, 784 pixels to 10 logits, trained by momentum, with dropout of pixels. Both styles print
the same lines: some losses, every evaluation, and the steps of the checkpoints that are kept.
TensorFlow 2.16 removed estimators; what stands before ESTIMATOR runs in TensorFlow 2.21 too.

Twin:  tf2_style/estimator.py
Run:   .venv-tf115/bin/python -m tf1_style.estimator
"""

from __future__ import annotations

import glob
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.errors import UsageError
from shared.program.sections import run_sections

LEARNING_RATE, MOMENTUM, KEEP, SEED = 0.1, 0.9, 0.8, 7
BATCH, TEST_BATCH, SAVE_EVERY, LOG_EVERY, KEPT = 50, 300, 20, 20, 3

# ---- INPUTS ----------------------------------------------------------------------------------


def train_input():
    """Returns batches of images [50, 784] and labels [50, 10], from the first one on."""
    # Each call of `train` calls it in a new graph: the data starts over, also after a resume.
    digits = load_digits()
    images, labels = digits.train_images[:1000], digits.train_labels[:1000]
    # An order from NumPy: that of `shuffle(...).repeat()` is another one in TensorFlow 1.15.
    rows = tf.data.Dataset.from_tensor_slices(batch_rows(len(images), BATCH, range(200), SEED))
    return rows.map(lambda row: (tf.gather(images, row), tf.gather(labels, row)))


def test_input():
    """Returns the 2,000 test images [batch, 784] and labels [batch, 10]; the last batch has 200."""
    digits = load_digits()
    examples = (digits.test_images, digits.test_labels)
    return tf.data.Dataset.from_tensor_slices(examples).batch(TEST_BATCH)


# ---- MODEL -----------------------------------------------------------------------------------


class Model:
    """Images [batch, 784] to logits [batch, 10] by one matrix and one vector."""

    def __init__(self):
        """Creates weights [784, 10], biases [10], both zero, and the step count."""
        # In the default graph, which an Estimator makes anew for training, evaluation and export.
        self.weights = tf.get_variable("weights", initializer=np.zeros([784, 10], np.float32))
        self.biases = tf.get_variable("biases", initializer=np.zeros([10], np.float32))
        self.global_step = tf.train.get_or_create_global_step()
        self.optimizer = tf.train.MomentumOptimizer(LEARNING_RATE, MOMENTUM)

    def forward(self, images, is_training):
        """Returns the logits [batch, 10] of images [batch, 784]; training drops a fifth of them."""
        if is_training:
            seed = tf.stack([tf.constant(SEED, tf.int64), self.global_step])  # another mask a step
            is_kept = tf.random.stateless_uniform(tf.shape(images), seed) < KEEP
            images = tf.where(is_kept, images / KEEP, tf.zeros_like(images))
        return tf.matmul(images, self.weights) + self.biases

    def loss(self, logits, labels):
        """Returns the mean cross-entropy of a batch, a scalar."""
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    def train_step(self, images, labels):
        """Returns the loss of a batch, and the operation that updates and counts the step."""
        # Hooks are made outside of the graph, and find the loss by its name.
        loss = tf.identity(self.loss(self.forward(images, True), labels), name="loss")
        # Without `global_step` nothing counts, saves or stops: all hooks read that variable.
        return loss, self.optimizer.minimize(loss, global_step=self.global_step)


# ---- HOOKS -----------------------------------------------------------------------------------


class LossRecorder(tf.train.SessionRunHook):
    """Keeps the loss of every step."""

    def __init__(self):
        self.losses = []

    def before_run(self, run_context):
        """Asks for one more value of the run to come, so that nothing is computed twice."""
        return tf.train.SessionRunArgs("loss:0")

    def after_run(self, run_context, run_values):
        """Takes it: the loss that the update of the same run has used."""
        self.losses.append(run_values.results)


def logging_hook(logged):
    """Returns a hook that logs a loss, and appends it to `logged`."""

    def formatter(values):
        logged.append(values["loss"])
        return "loss = {loss:.4f}".format(**values)

    # It counts the runs of its Session, not global steps: it logs steps 1, 21 and 41 of a call.
    return tf.train.LoggingTensorHook({"loss": "loss:0"}, LOG_EVERY, formatter=formatter)


# ---- SESSION ---------------------------------------------------------------------------------


def monitored_session(folder, last_step):
    """Trains until `last_step`, from the newest checkpoint of the folder on."""
    recorder = LossRecorder()
    logged: list[float] = []
    with tf.Graph().as_default():
        batch = tf.data.make_one_shot_iterator(train_input()).get_next()
        _, train_op = Model().train_step(*batch)
        scaffold = tf.train.Scaffold(saver=tf.train.Saver(max_to_keep=KEPT))
        # Each hook is asked before, and told after, every run, in this order. The Session adds the
        # one that saves: when it starts, even what it has restored, and then every 20 steps.
        hooks = [recorder, logging_hook(logged), tf.train.StopAtStepHook(last_step=last_step)]
        how = {"save_checkpoint_steps": SAVE_EVERY, "save_summaries_steps": None}
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=folder, scaffold=scaffold, hooks=hooks, **how
        ) as session:
            while not session.should_stop():
                session.run(train_op)
    return {"losses": recorder.losses, "logged": logged, "kept": kept(folder)}


def kept(folder):
    """Returns the steps of the checkpoints in the folder, the oldest first."""
    paths = tf.train.get_checkpoint_state(folder).all_model_checkpoint_paths
    return [int(path.rpartition("-")[2]) for path in paths]


# ---- ESTIMATOR -------------------------------------------------------------------------------


def model_fn(features, labels, mode):
    """Describes the graph of one mode. The Estimator calls it, in a new graph each time."""
    model = Model()
    if mode == tf.estimator.ModeKeys.TRAIN:
        loss, train_op = model.train_step(features, labels)
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)
    logits = model.forward(features, False)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"logits": logits})
    matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
    # The Estimator adds the loss: a mean over batches, the smaller last one included as any other.
    metrics = {"accuracy": tf.metrics.mean(tf.cast(matches, tf.float32))}
    loss = model.loss(logits, labels)
    return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)


def resumed(folder):
    """Returns the Estimator of a folder. Each call of it goes on from the newest checkpoint."""
    if not hasattr(tf, "estimator"):
        found = f"tf.estimator: expected TensorFlow 1.15, found {tf.VERSION}, which has none; "
        raise UsageError(found + "`make tf115`, then .venv-tf115/bin/python -m tf1_style.estimator")
    # Silently resumes: a folder left from an earlier try is not started over.
    how = {"save_checkpoints_steps": SAVE_EVERY, "keep_checkpoint_max": KEPT}
    return tf.estimator.Estimator(model_fn, config=tf.estimator.RunConfig(folder, **how))


def train_and_evaluate(folder, last_step):
    """Trains until `last_step`, and evaluates each new checkpoint."""
    estimator, before = resumed(folder), evaluations(folder)
    recorder = LossRecorder()
    logged: list[float] = []
    hooks = [recorder, logging_hook(logged)]
    train = tf.estimator.TrainSpec(train_input, max_steps=last_step, hooks=hooks)
    # By default 100 batches are evaluated, and not before 600 seconds have passed since the last.
    test = tf.estimator.EvalSpec(test_input, steps=None, throttle_secs=0)
    tf.estimator.train_and_evaluate(estimator, train, test)  # returns the last one only
    new = {step: each for step, each in evaluations(folder).items() if step not in before}
    found = {"losses": recorder.losses, "logged": logged, "kept": kept(folder)}
    return {**found, "evaluations": new}


def evaluations(folder):
    """Returns accuracy and loss of all evaluations by step, from the Estimator's event files."""
    found: dict[int, dict[str, float]] = {}
    for path in glob.glob(os.path.join(folder, "eval", "events*")):
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                if value.tag in ("accuracy", "loss"):
                    found.setdefault(event.step, {})[value.tag] = value.simple_value
    return found


def evaluate(folder):
    """Returns accuracy, loss and step of the newest checkpoint."""
    # A new graph, restored from the file: a live Session has no part in it.
    return resumed(folder).evaluate(test_input)


# ---- EXPORT ----------------------------------------------------------------------------------


def export(folder, target):
    """Writes the newest checkpoint's logits as a SavedModel below `target`; returns its path."""

    def serving_input():
        images = tf.placeholder(tf.float32, [None, 784])
        return tf.estimator.export.TensorServingInputReceiver(images, {"images": images})

    return resumed(folder).export_saved_model(target, serving_input).decode()  # TARGET/TIME


# ---- PROGRAM ---------------------------------------------------------------------------------

SECTIONS = [(monitored_session, 60), (train_and_evaluate, 60), (train_and_evaluate, 90)]

if __name__ == "__main__":
    sys.exit(run_sections(__doc__, SECTIONS))
