"""The TensorFlow 1 style in a Session; runs under real TensorFlow 1.15 too."""

from __future__ import annotations

from typing import Any

from benchmarks.clock import Running, repeated, stepwise
from benchmarks.models_and_batches import Workload
from benchmarks.runtimes import Runtime
from shared.tensorflow_loading import load_tensorflow

load_tensorflow()
import tensorflow.compat.v1 as tf  # noqa: E402


def feed(runtime: Runtime, workload: Workload) -> Running:
    """Trains by `session.run` with a feed_dict, as the style file does."""
    model = workload.create("tf1_style")
    return stepwise(model.train_step, workload, model.variables)


def prepared(runtime: Runtime, workload: Workload) -> Running:
    """Trains by `make_callable`: what is fetched and fed is looked up once, before the loop."""
    model = workload.create("tf1_style")
    feeds, values = _switches(model)
    updates = [
        model.session.make_callable(fetches, [*model.batch, *feeds]) for fetches in _updates(model)
    ]

    def train_step(*batch: Any) -> Any:
        for update in updates:
            loss, _ = update(*batch, *values)
        return loss

    return stepwise(train_step, workload, model.variables)


def from_dataset(runtime: Runtime, workload: Workload) -> Running:
    """Trains a graph that reads its batches from a tf.data iterator: nothing is fed."""
    model = _reading_from_dataset(workload)
    feeds, values = _switches(model)
    (fetches,) = _updates(model)  # each run takes the next batch: a step must be one
    train = model.session.make_callable(fetches, feeds)
    return repeated(lambda: train(*values)[0], 1, model.variables)


def _updates(model: Any) -> list:
    """Returns what each run of a training step fetches, in order: a loss and an update."""
    if hasattr(model, "variables_of"):
        return [[model.losses[name], model.train_ops[name]] for name in model.variables_of]
    return [[model.batch_loss, model.train_op]]


def _switches(model: Any) -> tuple:
    """Returns what else a step feeds, for dropout or normalization: placeholders and values."""
    values = {"keep_probability": getattr(model.config, "keep_probability", 1.0)}
    values["is_training"] = True
    names = [name for name in values if hasattr(model, name)]
    return [getattr(model, name) for name in names], [values[name] for name in names]


def _reading_from_dataset(workload: Workload) -> Any:
    """Returns the model with its placeholders replaced by the elements of a dataset."""
    module = workload.pair.module("tf1_style")
    base: Any = getattr(module, workload.pair.class_name)

    class FromDataset(base):
        def create_inputs(self) -> None:
            super().create_inputs()
            names = [name for name, value in vars(self).items() if _is_placeholder(value)]
            self.sources = [tf.placeholder(array.dtype, array.shape) for array in workload.arrays]
            dataset = tf.data.Dataset.from_tensor_slices(tuple(self.sources)).repeat().prefetch(2)
            self.iterator = tf.data.make_initializable_iterator(dataset)
            self.batch = list(self.iterator.get_next())
            for name, element in zip(names, self.batch):
                setattr(self, name, element)

    model = FromDataset(module.Config(**workload.settings))
    model.session.run(model.iterator.initializer, dict(zip(model.sources, workload.arrays)))
    return model


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, tf.Tensor) and value.op.type == "Placeholder"
