"""Training loops, the TensorFlow 2 way: a loop of one's own, with all that it does in sight.

One layer, 784 pixels to 10 logits, trained by momentum, with dropout of pixels. Both styles print
the same lines: some losses, every evaluation, and the steps of the checkpoints that are kept.

Twin:  tf1_style/estimator.py
Run:   python -m tf2_style.estimator
"""

from __future__ import annotations

import os
import sys

import numpy as np
import tensorflow as tf

from shared.data.batch_order import batch_rows
from shared.data.digits import load_digits
from shared.program.sections import run_sections
from tf2_style.tf1_momentum import TF1Momentum

LEARNING_RATE, MOMENTUM, KEEP, SEED = 0.1, 0.9, 0.8, 7
BATCH, TEST_BATCH, SAVE_EVERY, LOG_EVERY, KEPT = 50, 300, 20, 20, 3

# ---- INPUTS ----------------------------------------------------------------------------------


def train_input():
    """Returns batches of images [50, 784] and labels [50, 10], from the first one on."""
    # A dataset starts over in each loop over it; so a run that is resumed at step 60 trains on the
    # batches of step 1 again, as with an Estimator. `.skip(step)` would go on.
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
        # One model for training, evaluation and export: the mode is an argument of `forward`.
        self.weights = tf.Variable(np.zeros([784, 10], np.float32), name="weights")
        self.biases = tf.Variable(np.zeros([10], np.float32), name="biases")
        self.global_step = tf.Variable(0, dtype=tf.int64, name="global_step")
        self.parameters = [self.weights, self.biases]
        self.optimizer = TF1Momentum(lambda step: LEARNING_RATE, MOMENTUM, self.global_step)
        self.optimizer.build(self.parameters)

    def forward(self, images, is_training):
        """Returns the logits [batch, 10] of images [batch, 784]; training drops a fifth of them."""
        if is_training:
            seed = tf.stack([tf.constant(SEED, tf.int64), self.global_step])  # another mask a step
            is_kept = tf.random.stateless_uniform(tf.shape(images), seed) < KEEP
            images = tf.where(is_kept, images / KEEP, tf.zeros_like(images))
        return tf.matmul(images, self.weights) + self.biases

    def loss(self, logits, labels):
        """Returns the mean cross-entropy of a batch, a scalar."""
        losses = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return tf.reduce_mean(losses)

    @tf.function
    def train_step(self, images, labels):
        """Updates the parameters on a batch and counts the step; returns the batch's loss."""
        with tf.GradientTape() as tape:
            loss = self.loss(self.forward(images, True), labels)
        gradients = tape.gradient(loss, self.parameters)
        self.optimizer.apply_gradients(zip(gradients, self.parameters))
        self.global_step.assign_add(1)  # `apply_gradients` does not count
        return loss


# ---- HOOKS -----------------------------------------------------------------------------------

# None: what a hook asked for, `train_step` returns, and what it did is a line of the loop below.

# ---- SESSION ---------------------------------------------------------------------------------


def monitored_session(folder, last_step, after_save=lambda: None):
    """Trains until `last_step`, from the newest checkpoint of the folder on."""
    model, manager = resumed(folder)
    losses, logged = [], []
    step = saved = int(model.global_step)
    batches = iter(train_input())
    while step < last_step:  # asked before a step; StopAtStepHook asks after one
        losses.append(model.train_step(*next(batches)).numpy())
        if (len(losses) - 1) % LOG_EVERY == 0:
            logged.append(losses[-1])
        step += 1
        # Counted from where the run started, as CheckpointSaverHook does, and once at the end.
        if step == saved + SAVE_EVERY or step == last_step:
            manager.save(checkpoint_number=step)
            saved = step
            after_save()
    return {"losses": losses, "logged": logged, "kept": kept(folder)}


def kept(folder):
    """Returns the steps of the checkpoints in the folder, the oldest first."""
    paths = tf.train.get_checkpoint_state(folder).all_model_checkpoint_paths
    return [int(path.rpartition("-")[2]) for path in paths]


# ---- ESTIMATOR -------------------------------------------------------------------------------


def resumed(folder):
    """Returns a model, gone on from the newest checkpoint of the folder, and the manager of it."""
    model = Model()
    checkpoint = tf.train.Checkpoint(
        weights=model.weights,
        biases=model.biases,
        global_step=model.global_step,
        optimizer=model.optimizer,
    )
    manager = tf.train.CheckpointManager(checkpoint, folder, KEPT, checkpoint_name="model.ckpt")
    # Silently resumes, too: a folder left from an earlier try is not started over.
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_consumed()
    return model, manager


def train_and_evaluate(folder, last_step):
    """Trains until `last_step`, and evaluates each new checkpoint."""
    evaluations = {}

    def after_save():
        numbers = evaluate(folder)
        evaluations[numbers.pop("global_step")] = numbers

    found = monitored_session(folder, last_step, after_save)
    return {**found, "evaluations": evaluations}


def evaluate(folder):
    """Returns accuracy, loss and step of the newest checkpoint."""
    # A new model, restored from the file, to test what was saved. The live one is measured with
    # less work, and is not the same any more once a step was made.
    model, _ = resumed(folder)
    loss, accuracy = tf.keras.metrics.Mean(), tf.keras.metrics.Mean()
    for images, labels in test_input():
        logits = model.forward(images, False)
        matches = tf.equal(tf.argmax(logits, axis=1), tf.argmax(labels, axis=1))
        # The mean over batches, in which the last, smaller one counts as much as any other; with
        # `sample_weight=len(images)` it would be the mean over examples, as the accuracy is.
        loss.update_state(model.loss(logits, labels))
        accuracy.update_state(tf.cast(matches, tf.float32))
    numbers = {"accuracy": accuracy.result().numpy(), "loss": loss.result().numpy()}
    return {**numbers, "global_step": int(model.global_step)}


# ---- EXPORT ----------------------------------------------------------------------------------


def export(folder, target):
    """Writes the newest checkpoint's logits as a SavedModel below `target`; returns its path."""
    model, _ = resumed(folder)
    images = tf.TensorSpec([None, 784], tf.float32, name="images")
    served, path = tf.Module(), os.path.join(target, str(int(model.global_step)))
    served.variables_used = model.parameters  # what a SavedModel's function uses must hang on it
    served.logits = tf.function(lambda images: {"logits": model.forward(images, False)}, [images])
    tf.saved_model.save(served, path, signatures=served.logits)
    return path


# ---- PROGRAM ---------------------------------------------------------------------------------

SECTIONS = [(monitored_session, 60), (train_and_evaluate, 60), (train_and_evaluate, 90)]

if __name__ == "__main__":
    sys.exit(run_sections(__doc__, SECTIONS))
