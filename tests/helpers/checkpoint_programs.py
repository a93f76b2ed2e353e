"""A small program in both styles, for the tests of checkpoints: y = x W + b with any optimizer."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from shared.models import PAIRS
from shared.tools.checkpoint_conversion.contents import NAME_BASED, Contents, describe
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
from shared.tools.checkpoint_conversion.pair_maps import pair_map
from shared.tools.checkpoint_conversion.plan import Options, Plan
from shared.tools.checkpoint_conversion.planner import make_plan
from shared.tools.checkpoint_conversion.proposal import propose
from shared.tools.checkpoint_conversion.writing import write_checkpoint

tf1 = tf.compat.v1

FILES = Path(__file__).parents[1] / "files" / "checkpoints"
SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"

_random = np.random.RandomState(0)
INPUTS = _random.standard_normal([16, 3]).astype(np.float32)
TARGETS = _random.standard_normal([16, 2]).astype(np.float32)


class TF1Program:
    """The program with a Session; `optimizer` makes the optimizer in the program's graph."""

    def __init__(self, optimizer: Callable[[], Any], scope: str = "layer") -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            with tf1.variable_scope(scope):
                weights = tf1.get_variable("weights", initializer=tf.ones([3, 2]))
                biases = tf1.get_variable("biases", initializer=tf.zeros([2]))
            step = tf1.train.get_or_create_global_step()
            loss = tf.reduce_mean(tf.square(tf.matmul(INPUTS, weights) + biases - TARGETS))
            self.update = optimizer().minimize(loss, global_step=step)
            self.saver = tf1.train.Saver()
            self.session = tf1.Session(graph=self.graph)
            self.session.run(tf1.global_variables_initializer())
            self.names = {v.op.name: v for v in tf1.global_variables()}

    def train(self, updates: int) -> None:
        for _ in range(updates):
            self.session.run(self.update)

    def save(self, prefix: Path) -> str:
        with self.graph.as_default():
            return self.saver.save(self.session, str(prefix), write_meta_graph=False)

    def restore(self, prefix: str) -> None:
        with self.graph.as_default():
            self.saver.restore(self.session, prefix)

    def parameters(self) -> list[np.ndarray]:
        return self.session.run([self.names["layer/weights"], self.names["layer/biases"]])


class TF2Program:
    """The program with a tf.function; `optimizer` is a Keras optimizer or a TF1Adam."""

    def __init__(self, optimizer: Any) -> None:
        self.weights = tf.Variable(tf.ones([3, 2]))
        self.biases = tf.Variable(tf.zeros([2]))
        self.step = tf.Variable(0, dtype=tf.int64)
        self.optimizer = optimizer
        optimizer.build([self.weights, self.biases])
        layer = tf.train.Checkpoint(weights=self.weights, biases=self.biases)
        self.checkpoint = tf.train.Checkpoint(
            layer=layer, optimizer=optimizer, global_step=self.step
        )

    @tf.function
    def update(self) -> None:
        with tf.GradientTape() as tape:
            outputs = tf.matmul(INPUTS, self.weights) + self.biases
            loss = tf.reduce_mean(tf.square(outputs - TARGETS))
        variables = [self.weights, self.biases]
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        self.step.assign_add(1)

    def train(self, updates: int) -> None:
        for _ in range(updates):
            self.update()

    def save(self, prefix: Path) -> str:
        return self.checkpoint.save(str(prefix))

    def restore(self, prefix: str) -> None:
        self.checkpoint.restore(prefix).assert_consumed()

    def parameters(self) -> list[np.ndarray]:
        return [self.weights.numpy(), self.biases.numpy()]


def write_names(prefix: Path, tensors: Mapping[str, Any]) -> str:
    """Writes a name-based checkpoint of these tensors, as a Saver would."""
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.convert_to_tensor(tensor) for tensor in tensors.values()],
    )
    return str(prefix)


def flip_bit(path: Path, position: int) -> None:
    """Changes one bit of the byte at a position of a file, from its end if below 0."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def tensors_of(prefix: str) -> dict[str, tuple[str, bytes]]:
    """Returns dtype and bytes of every tensor in a checkpoint, read by TensorFlow's own reader."""
    reader = tf.train.load_checkpoint(prefix)
    names = sorted(reader.get_variable_to_shape_map())
    values = {name: np.asarray(reader.get_tensor(name)) for name in names}
    return {
        name: (str(v.dtype), repr(v.tolist()).encode() if v.dtype == object else v.tobytes())
        for name, v in values.items()
    }


_templates: list[tempfile.TemporaryDirectory[str]] = []  # deleted when Python ends


@functools.cache
def map_of(name: str, optimizer: str | None) -> CrossingMap:
    """Returns the map of a pair, made once; the command makes it anew for every conversion."""
    _templates.append(tempfile.TemporaryDirectory())
    return pair_map(PAIRS[name], optimizer, _templates[-1].name)


def proposed_map(tf1_prefix: str, tf2_prefix: str) -> CrossingMap:
    """Returns the map of two checkpoints, which must leave no doubt."""
    proposal = propose(describe(tf1_prefix), describe(tf2_prefix))
    assert not proposal.doubts
    return proposal.map()


def plan_for(
    conversion_map: CrossingMap,
    source: str,
    rate: float | None = None,
    ignore: tuple[str, ...] = (),
) -> Plan:
    """Returns the plan that carries a checkpoint to the other style."""
    contents: Contents = describe(source)
    template = conversion_map.tf2 if contents.scheme == NAME_BASED else conversion_map.tf1
    return make_plan(contents, describe(template), conversion_map, Options(rate, ignore))


def cross(
    conversion_map: CrossingMap,
    source: str,
    target: Path,
    rate: float | None = None,
    ignore: tuple[str, ...] = (),
    force: bool = False,
) -> str:
    """Converts a checkpoint to the other style; returns the prefix of what was written."""
    write_checkpoint(plan_for(conversion_map, source, rate, ignore), str(target), force)
    return str(target)


def map_between(folder: Path, names: Mapping[str, Any], **objects: Any) -> CrossingMap:
    """Returns a map that pairs equal names, with checkpoints of these values as templates."""
    tf1_prefix = write_names(folder / "template1", names)
    tf2_prefix = tf.train.Checkpoint(**objects).save(str(folder / "template2"))
    pairs = {name: [name] for name in names if name in describe(tf2_prefix).variables}
    return CrossingMap(tf1_prefix, tf2_prefix, pairs)
