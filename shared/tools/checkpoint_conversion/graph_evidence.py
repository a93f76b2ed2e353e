"""What the graph beside a checkpoint of TensorFlow 1 says about how its tensors are read.

A Saver writes the graph to PREFIX.meta. Two things in it decide about the order of elements, and no
name or shape tells them: in which partition `embedding_lookup` looks for an id, and whether a
picture had its channels first when it was flattened. A third tells several Adams apart: each places
its powers of beta beside a variable that it trains.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

_MOST_BYTES = 2**28  # of a graph that is worth reading; larger ones hold constants
_PART = re.compile(r"(.+)/part_\d+")
_POWER = re.compile(r"(?:.*/)?beta[12]_power(?:_\d+)?")
_VARIABLES = ("VariableV2", "Variable", "VarHandleOp")
_THROUGH = 24  # operations that are followed from a matrix product to what made its input
_SAME_ORDER = ("Identity", "Relu", "Relu6", "Elu", "Selu", "Tanh", "Sigmoid", "LeakyRelu", "Cast")


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a graph says.

    Attributes:
        dealt: partitioned variables whose rows are dealt to the partitions in turn.
        in_order: partitioned variables that are read in the order of the file.
        channels_first: kernels of dense layers behind pictures with channels first.
        placed: the variable beside which a power of beta is placed, by the power's name.
    """

    dealt: frozenset[str] = frozenset()
    in_order: frozenset[str] = frozenset()
    channels_first: frozenset[str] = frozenset()
    placed: Mapping[str, str] = dataclasses.field(default_factory=dict)


def evidence_beside(prefix: str) -> Evidence:
    """Returns what PREFIX.meta says; nothing where there is none that can be read."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import meta_graph_pb2

    path = f"{prefix}.meta"
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            return Evidence()
        with open(path, "rb") as file:
            graph = meta_graph_pb2.MetaGraphDef.FromString(file.read()).graph_def
    except (OSError, DecodeError):
        return Evidence()
    nodes = {node.name: node for node in graph.node}
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for name, dealt in _lookups(nodes):
        found[dealt].add(name)
    both = found[True] & found[False]
    return Evidence(
        frozenset(found[True] - both),
        frozenset(found[False] - both),
        frozenset(_flattened(nodes)),
        dict(_placed(nodes)),
    )


def _placed(nodes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields the powers of beta, each with the variable beside which it is placed.

    Source: `_create_slots` in tensorflow/python/training/adam.py of 1.15, which places them beside
    the first variable, by name, of those that the optimizer trains.
    """
    for node in nodes.values():
        if _POWER.fullmatch(node.name) and node.op in _VARIABLES:
            places = [text.decode() for text in node.attr["_class"].list.s]
            if len(places) == 1 and places[0].startswith("loc:@"):
                yield node.name, places[0].removeprefix("loc:@")


def _lookups(nodes: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yields the partitioned variables that are read, and whether by the strategy "mod".

    Source: tensorflow/python/ops/embedding_ops.py of 1.15. "mod" divides ids by the number of
    partitions, "div" selects between two remainders.
    """
    for node in nodes.values():
        if node.name.startswith("gradients"):
            continue
        match = _PART.match(node.input[0]) if node.input else None
        if node.op in ("Gather", "GatherV2", "ResourceGather") and match:
            partition = nodes.get(_plain(node.input[1]))
            if partition is not None and partition.op == "DynamicPartition":
                source = nodes.get(_plain(partition.input[0]))
                if source is not None and source.op in ("FloorDiv", "Select", "SelectV2"):
                    yield match[1], source.op == "FloorDiv"
        elif node.op in ("ConcatV2", "Concat") and match:
            yield match[1], False


def _flattened(nodes: Mapping[str, Any]) -> Iterator[str]:
    """Yields the kernels that are multiplied with flattened pictures, channels first."""
    for node in nodes.values():
        if node.op == "MatMul" and not node.name.startswith("gradients"):
            kernel = _variable(nodes, node.input[1])
            if kernel and _is_channels_first(nodes, node.input[0]):
                yield kernel


def _variable(nodes: Mapping[str, Any], name: str) -> str | None:
    node = nodes.get(_plain(name))
    while node is not None and node.op in ("Identity", "ReadVariableOp") and node.input:
        node = nodes.get(_plain(node.input[0]))
    return node.name if node is not None and node.op in _VARIABLES else None


def _is_channels_first(nodes: Mapping[str, Any], name: str) -> bool:
    reshaped = False
    node = nodes.get(_plain(name))
    for _ in range(_THROUGH):
        if node is None or not node.input:
            return False
        if reshaped and node.op == "Transpose":
            return _permutation(nodes, node.input[1]) == [0, 3, 1, 2]
        if reshaped and node.attr["data_format"].s in (b"NCHW", b"NHWC"):
            return node.attr["data_format"].s == b"NCHW"
        if node.op == "Reshape":
            reshaped = True
        elif node.op not in _SAME_ORDER:
            return False
        node = nodes.get(_plain(node.input[0]))
    return False


def _permutation(nodes: Mapping[str, Any], name: str) -> list[int] | None:
    from tensorflow.python.framework.tensor_util import MakeNdarray

    node = nodes.get(_plain(name))
    if node is None or node.op != "Const":
        return None
    return [int(axis) for axis in MakeNdarray(node.attr["value"].tensor).reshape(-1)]


def _plain(name: str) -> str:
    return name.lstrip("^").partition(":")[0]
