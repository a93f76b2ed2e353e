"""The multi-layer perceptron as Keras trains it: compile, fit, evaluate and predict.

An alternative end of the migration. Where tf2_style/mlp.py has a step, an evaluation and a
checkpoint of its own, this has Keras's. From the same initial values, on the same batches, every
loss and every final parameter equals that of `tf2_style.mlp train --optimizer keras` to the last
bit.

No twin: it replaces the loop of tf1_style/mlp.py.
Run:   python -m tf2_style.mlp_fit train
       python -m tf2_style.mlp_fit predict
"""

from __future__ import annotations

import dataclasses
import os
import sys

import numpy as np
import tensorflow as tf

from shared.checkpoints import checkpoint_errors, claim_folder
from shared.checkpoints.files import remove, sync
from shared.data.batch_order import batch_rows, chunks, crosses
from shared.data.fashion import class_names, load_fashion
from shared.data.initial_values import glorot_uniform
from shared.program import command_line as script
from shared.program.progress import PrintedProgress, Stopped, stop_signals
from shared.program.settings import CHECKPOINT_HELP, DATA_HELP, seed_number, setting
from shared.program.tracing import require_finite


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, each a flag of the command line."""

    data: str = setting("sample", DATA_HELP, to_restore=True)
    steps: int = setting(1560, "step to reach, counted from the very first run")
    batch_size: int = setting(32, "images a step")
    learning_rate: float = setting(0.001, "step size of Adam")
    seed: int = setting(0, "seed of initial values and batch order", seed_number)
    checkpoint_dir: str = setting("checkpoints/tf2_style/mlp_fit", CHECKPOINT_HELP, to_restore=True)
    checkpoint_every: int = setting(500, "steps between two checkpoints")
    report_every: int = setting(100, "steps between two progress reports")


def create_model(config):
    """Returns the model at step 0, compiled: images [batch, 784] to logits [batch, 10]."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input([784]),
            tf.keras.layers.Dense(128, activation="relu", name="hidden"),
            tf.keras.layers.Dense(10, name="output"),
        ]
    )
    random = np.random.RandomState(config.seed)
    weights = [glorot_uniform(shape, random) for shape in ([784, 128], [128, 10])]
    biases = [np.zeros([units], np.float32) for units in (128, 10)]
    model.set_weights([weights[0], biases[0], weights[1], biases[1]])
    model.compile(
        optimizer=tf.keras.optimizers.Adam(config.learning_rate, epsilon=1e-8),  # default is 1e-7
        # Without `from_logits`, the logits are taken for probabilities, and nothing complains.
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,  # the default is XLA wherever there is a GPU, which rounds otherwise
    )
    return model


class BatchLosses(tf.keras.callbacks.Callback):
    """Reports the loss of every batch, where `fit` would show means over the epoch so far."""

    def __init__(self, config, progress, stop):
        super().__init__()
        self.config, self.progress, self.stop = config, progress, stop
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        """Forgets earlier batches."""
        # Keras reports a mean over the images seen so far, then of this batch alone: loss * size /
        # size, the loss itself where the size is a power of two, as 32 is; else with roundings.
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        """Takes the loss of the batch; at the end of a report's steps, reports and saves."""
        self.losses.append(logs["loss"])
        step = int(self.model.optimizer.iterations)
        if step % self.config.report_every and step != self.config.steps and not self.stop.received:
            return
        steps = range(step - len(self.losses), step)
        losses = np.array(self.losses, np.float32)
        path = model_path(self.config)
        # Keras's TerminateOnNaN would stop without a word, and the model would be saved.
        require_finite(
            steps, losses, variables(self.model), lambda: path if os.path.exists(path) else None
        )
        self.progress.report(steps, losses)
        self.losses = []
        self.model.stop_training = self.stop.received
        if crosses(steps, self.config.checkpoint_every) or step == self.config.steps:
            save(self.model, self.config)


def batches(config, clothes, first_step):
    """Yields images [batch, 784] and labels [batch] of each step from `first_step` on."""
    for steps in chunks(first_step, config.steps, config.report_every):
        for rows in batch_rows(len(clothes.train_images), config.batch_size, steps, config.seed):
            yield clothes.train_images[rows], clothes.train_labels[rows]


def train(config, progress=None):
    """Trains until `config.steps`, from the saved model on; returns a TrainingResult."""
    clothes = load_fashion(config.data)
    folder = claim_folder(config.checkpoint_dir)  # refused while another process trains into it
    model, path = restore(config)
    first_step = int(model.optimizer.iterations)
    progress = progress or PrintedProgress()
    progress.begin(first_step, config.steps, path)
    with folder, stop_signals() as stop:
        if first_step < config.steps:
            progress.note("loss: mean over a batch; at the end: mean over the test set")
            # One epoch, because the batches know their epochs themselves. The order is ours; given
            # arrays, `fit` draws another one for every epoch unless shuffle is False.
            model.fit(
                batches(config, clothes, first_step),
                steps_per_epoch=config.steps - first_step,
                shuffle=False,
                callbacks=[BatchLosses(config, progress, stop)],
                verbose=0,
            )
        if stop.received:
            raise Stopped(int(model.optimizer.iterations), save(model, config))
    return progress.finish(variables(model), metrics(model, clothes))


def variables(model):
    """Returns the value of every parameter, by the names of tf2_style/mlp.py."""
    names = ("hidden_weights", "hidden_biases", "output_weights", "output_biases")
    return dict(zip(names, model.get_weights()))


def metrics(model, clothes):
    """Returns the mean loss and the share of right answers on the test images."""
    found = model.evaluate(clothes.test_images, clothes.test_labels, verbose=0, return_dict=True)
    return {name: found[name] for name in ("loss", "accuracy")}


def model_path(config):
    """Returns where the model is kept: layers, parameters, optimizer and step in one file."""
    return os.path.join(config.checkpoint_dir, "model.keras")


def save(model, config):
    """Writes the model into `config.checkpoint_dir`, over an earlier one; returns its path."""
    os.makedirs(config.checkpoint_dir, exist_ok=True)
    path = model_path(config)
    unfinished = os.path.join(config.checkpoint_dir, "unfinished.keras")
    remove([unfinished])  # of a crash; and Keras would write through a link
    try:
        with checkpoint_errors(path, "saved"):
            model.save(unfinished)
            sync(unfinished)  # or a loss of power leaves the name without the content
            os.replace(unfinished, path)
            sync(config.checkpoint_dir)
    finally:
        remove([unfinished])
    return path


def restore(config):
    """Returns the saved model and its path, or one at step 0 and None if none is saved."""
    path = model_path(config)
    if not os.path.exists(path):
        return create_model(config), None
    with checkpoint_errors(path):
        model = tf.keras.models.load_model(path)
        # The file has the learning rate of then; the one asked for now must win.
        model.optimizer.learning_rate = config.learning_rate
    return model, path


def restored(config):
    """Returns the model saved in `config.checkpoint_dir`."""
    model, path = restore(config)
    script.require_checkpoint(path, config.checkpoint_dir)
    return model


def evaluate(config):
    """Returns the metrics of a saved model on the test images."""
    return metrics(restored(config), load_fashion(config.data))


def predict(config):
    """Returns what a saved model sees in the first ten test images, beside the truth."""
    clothes = load_fashion(config.data)
    logits = restored(config).predict(clothes.test_images[:10], verbose=0)
    return {
        "image": range(10),
        "prediction": class_names(np.argmax(logits, axis=1)),
        "truth": class_names(clothes.test_labels[:10]),
    }


def main(arguments=None):
    """Runs the command line; returns the exit code."""
    return script.run(__doc__, Config, train, evaluate, predict, arguments)


if __name__ == "__main__":
    sys.exit(main())
