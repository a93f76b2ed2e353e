"""Graphs in files: a frozen one, whose constants are the weights, and a `.meta`, without values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.files import errors_of
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import (
    FROZEN_GRAPH,
    META_GRAPH,
    Entry,
    Source,
    require_some,
)

_LARGEST = 2**31  # bytes; no message of protocol buffers is larger
_VARIABLES = ("Variable", "VariableV2", "VarHandleOp", "TemporaryVariable")
# What reads a reference variable and a resource variable; freezing makes an Identity of either.
_READS = re.compile(r".*/(read|ReadVariableOp)(_\d+)?(/.*)?")
# Inputs of an operator that saves: the file, the names, the slices, and one for each tensor.
_SAVES = {"SaveV2": "dtypes", "SaveSlices": "T", "Save": "T"}


def open_graph(path: str) -> Source:
    """Opens a file of protocol buffers.

    Raises:
        CheckpointError: it is neither a GraphDef nor a MetaGraphDef with variables.
    """
    from tensorflow.core.protobuf import meta_graph_pb2

    content = _content(path)
    meta = _parsed(meta_graph_pb2.MetaGraphDef, content)
    if meta is not None and meta.graph_def.node:
        return MetaGraph(path, meta)
    from tensorflow.core.framework import graph_pb2

    graph = _parsed(graph_pb2.GraphDef, content)
    if graph is None or not graph.node:
        raise CheckpointError(
            f"{shown(path)}: expected a checkpoint, a .meta file, a frozen graph or a file of "
            "Keras; found another form, or a damaged file"
        )
    return FrozenGraph(path, graph)


def _content(path: str) -> bytes:
    with errors_of(path, expected="a file that can be read"):
        if os.path.getsize(path) >= _LARGEST:
            raise ValueError(f"{os.path.getsize(path)} bytes, more than a graph can have")
        with open(path, "rb") as file:
            return file.read()


def _parsed(message: Any, content: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        return message.FromString(content)
    except (DecodeError, ValueError):
        return None


class FrozenGraph:
    """The variables of a graph that `convert_variables_to_constants` made; see `sources.Source`."""

    form = FROZEN_GRAPH

    def __init__(self, path: str, graph: Any) -> None:
        """Finds the constants that stand for variables: an Identity reads each."""
        self.path = path
        constants = {node.name: node for node in graph.node if node.op == "Const"}
        read = {
            _node_of(node.input[0])
            for node in graph.node
            if node.op == "Identity" and node.input and _READS.fullmatch(node.name)
        }
        # A graph that was optimized has lost its Identity nodes.
        names = read & set(constants) or {n for n in constants if _is_weight(constants[n])}
        self._constants = {name: constants[name].attr["value"].tensor for name in sorted(names)}
        self.entries: Mapping[str, Entry] = {name: self._entry(name) for name in self._constants}
        require_some(path, self.entries, "a frozen graph with weights, or a .meta file")

    def _entry(self, name: str) -> Entry:
        tensor = self._constants[name]
        with errors_of(self.path, name):
            return Entry(name, _shape(tensor.tensor_shape), _dtype(tensor.dtype))

    def read(self, key: str) -> Any:
        """Returns a constant."""
        import tensorflow as tf

        with errors_of(self.path, key), tf.device("/CPU:0"):
            try:
                return tf.constant(tf.make_ndarray(self._constants[key]))
            except TypeError as error:
                raise ValueError(str(error)) from error


def _is_weight(node: Any) -> bool:
    tensor = node.attr["value"].tensor
    return len(tensor.tensor_shape.dim) > 0 and _dtype(tensor.dtype).startswith(("float", "bfloat"))


class MetaGraph:
    """What a Saver of a graph would save: names and types, no values; see `sources.Source`."""

    form = META_GRAPH

    def __init__(self, path: str, meta: Any) -> None:
        """Reads names, shapes and dtypes off the operators that save, or off the variables."""
        self.path = path
        nodes = {node.name: node for node in meta.graph_def.node}
        saver = _node_of(meta.saver_def.filename_tensor_name)
        with errors_of(path, expected="an intact graph"):
            found = dict(_saved(nodes, saver)) or dict(_variables(nodes))
        self.entries: Mapping[str, Entry] = {name: found[name] for name in sorted(found)}
        require_some(path, self.entries, "a graph with variables")

    def read(self, key: str) -> Any:
        """Raises CheckpointError."""
        raise CheckpointError(
            f"{shown(self.path)}: {shown(key)}: expected a value; found a file of names and shapes "
            "only: give the checkpoint"
        )


def _saved(nodes: dict[str, Any], filename: str) -> Iterator[tuple[str, Entry]]:
    """Yields what the operators of one Saver save, those of any Saver where none is named."""
    scope = filename.rpartition("/")[0]
    saves = [node for node in nodes.values() if node.op in _SAVES]
    own = [node for node in saves if scope and node.name.startswith(f"{scope}/")]
    for node in own or saves:
        names, specs = (_texts(nodes, node.input[position]) for position in (1, 2))
        dtypes = node.attr[_SAVES[node.op]].list.type
        for name, spec, dtype, value in zip(names, specs, dtypes, node.input[3:], strict=False):
            shape = _whole_shape(spec) if spec else _shape_of(nodes, value)
            yield name, Entry(name, shape, _dtype(dtype))


def _variables(nodes: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    for node in nodes.values():
        if node.op in _VARIABLES:
            dtype = _dtype(node.attr["dtype"].type)
            yield node.name, Entry(node.name, _shape(node.attr["shape"].shape), dtype)


def _node_of(tensor: str) -> str:
    """Returns the node of a tensor such as "w/read:0", or of a control input such as "^w"."""
    return tensor.lstrip("^").partition(":")[0]


def _texts(nodes: dict[str, Any], tensor: str) -> Sequence[str]:
    if tensor and _node_of(tensor) not in nodes:
        raise ValueError(f"a node names {tensor!r}, which is none of the graph")
    values = nodes[_node_of(tensor)].attr["value"].tensor.string_val if tensor else []
    return [value.decode("utf-8", "replace") for value in values]


def _whole_shape(spec: str) -> tuple[int, ...]:
    """Returns the shape of the variable that "7 2 0,3:0,2" is a slice of."""
    return tuple(int(size) for size in spec.split()[:-1])


def _shape_of(nodes: dict[str, Any], tensor: str) -> tuple[int, ...]:
    """Returns the shape of the variable that a tensor is the value of; () where it is none's."""
    node = nodes.get(_node_of(tensor))
    for _ in range(8):  # a read, a device copy and the like stand between
        if node is None or node.op in _VARIABLES or not node.input:
            break
        node = nodes.get(_node_of(node.input[0]))
    if node is None or node.op not in _VARIABLES:
        return ()
    return _shape(node.attr["shape"].shape)


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(dim.size for dim in shape.dim)


def _dtype(number: int) -> str:
    import tensorflow as tf

    try:
        return tf.as_dtype(number).base_dtype.name
    except TypeError as error:
        raise ValueError(f"no dtype has the number {number}") from error
