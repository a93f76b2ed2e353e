"""The TensorFlow 1 style in a Session; runs under real TensorFlow 1.15 too."""

from __future__ import annotations

from typing import Any

from benchmarks.clock import Running, repeated, stepwise
from benchmarks.models_and_batches import Workload
from benchmarks.runtimes import Runtime
from shared.tensorflow_loading import load_tensorflow

load_tensorflow()
import tensorflow.compat.v1 as tf  # noqa: E402


def feed(way: Runtime, workload: Workload) -> Running:
    """`session.run` with a feed_dict, as the style file does it."""
    model = workload.create("tf1_style")
    return stepwise(model.train_step, workload, model.variables)


def prepared(way: Runtime, workload: Workload) -> Running:
    """`make_callable`: what is fetched and fed is looked up once, before the loop."""
    model = workload.create("tf1_style")
    feeds, values = _dropout(model)
    train = model.session.make_callable(
        [model.batch_loss, model.train_op], [*_placeholders(model.graph), *feeds]
    )
    return stepwise(
        lambda inputs, targets: train(inputs, targets, *values)[0], workload, model.variables
    )


def from_dataset(way: Runtime, workload: Workload) -> Running:
    """The graph reads its batches from a tf.data iterator: nothing is fed."""
    model = _reading_from_dataset(workload)
    feeds, values = _dropout(model)
    train = model.session.make_callable([model.batch_loss, model.train_op], feeds)
    return repeated(lambda: train(*values)[0], 1, model.variables)


def _placeholders(graph: Any) -> list:
    """Inputs and targets, in the order they were created."""
    return [node.outputs[0] for node in graph.get_operations() if node.type == "Placeholder"]


def _dropout(model: Any) -> tuple:
    """What else a training step feeds: lists of placeholders and of their values."""
    if not hasattr(model, "keep_probability"):
        return [], []
    return [model.keep_probability], [model.config.keep_probability]


def _reading_from_dataset(workload: Workload) -> Any:
    """The model with its placeholders replaced by the elements of a dataset."""
    module = workload.pair.module("tf1_style")
    base: Any = getattr(module, workload.pair.class_name)

    class FromDataset(base):
        def create_inputs(self) -> None:
            super().create_inputs()
            names = [name for name, value in vars(self).items() if _is_placeholder(value)]
            arrays = (workload.inputs, workload.targets)
            self.sources = [tf.placeholder(array.dtype, array.shape) for array in arrays]
            dataset = tf.data.Dataset.from_tensor_slices(tuple(self.sources)).repeat().prefetch(2)
            self.iterator = tf.data.make_initializable_iterator(dataset)
            for name, element in zip(names, self.iterator.get_next()):
                setattr(self, name, element)

    model = FromDataset(module.Config(**workload.settings))
    fed = dict(zip(model.sources, (workload.inputs, workload.targets)))
    model.session.run(model.iterator.initializer, fed)
    return model


def _is_placeholder(value: Any) -> bool:
    return isinstance(value, tf.Tensor) and value.op.type == "Placeholder"
