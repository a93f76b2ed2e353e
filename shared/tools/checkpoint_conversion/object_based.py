"""Roles of the tensors in a checkpoint of `tf.train.Checkpoint`, told by its object graph.

The graph is stored beside the tensors: every object of the program as a node, with an edge for
each attribute. A Keras optimizer numbers all its variables in one list, in an order that depends
on the release; its graph also has a list for each name of a slot, in the order of the parameters.
Format: tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.tools.checkpoint_conversion.optimizers import (
    AVERAGE,
    MOMENTUM,
    keras_family,
    keras_slot,
    referenced_slots,
)
from shared.tools.checkpoint_conversion.roles import (
    BETA_POWER,
    ITERATIONS,
    KERAS,
    LEARNING_RATE,
    SAVE_COUNTER,
    SLOT,
    STEP,
    TF1,
    TF1_KERNEL,
    Optimizer,
    Role,
)

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"

# Lists in a Keras optimizer that are not slots.
_NOT_SLOTS = {"_variables", "_trainable_variables", "_trainable_variables_indices"}
_KERAS_1 = {"iter", "learning_rate", "decay"}  # what any optimizer of Keras in 1.x keeps
_TF1_ADAM_LISTS = {"m": "Adam.m", "v": "Adam.v"}

BuiltWith = Sequence[str] | Mapping[str, Sequence[str]]
"""The variables that a `TF1Adam` was built with; of several, by the path of each."""


@dataclasses.dataclass(frozen=True)
class Found:
    """What the object graph says; names are keys without their suffix."""

    roles: dict[str, Role]
    aliases: dict[str, tuple[str, ...]]
    optimizers: list[Optimizer]


def name_of(key: str) -> str:
    """Returns a key without the suffix that all variables share."""
    return key[: -len(_SUFFIX)] if key.endswith(_SUFFIX) else key


def unescaped(name: str) -> str:
    """Returns a key as the program wrote its names: TF2 keys hold "." as ".." and "/" as ".S"."""
    return ".".join(part.replace(".S", "/") for part in name.split(".."))


def escaped(name: str) -> str:
    """Returns the key of a variable that the program gives this name; undone by `unescaped`."""
    return name.replace(".", "..").replace("/", ".S")


def parse(serialized: bytes) -> Any:
    """Returns the TrackableObjectGraph; raises ValueError for what is none."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    try:
        graph.ParseFromString(serialized)
    except Exception as error:  # protobuf's own class, which is not derived from ValueError
        raise ValueError(f"no object graph: {error}") from error
    return graph


def classify(graph: Any, parameters: BuiltWith = ()) -> Found:
    """Reads an object graph.

    Args:
        graph: a TrackableObjectGraph.
        parameters: the variables that a `TF1Adam` or a `TF1Momentum` was built with, in that
            order; of several, by the path of each.
    """
    nodes = _Nodes(graph)
    roles: dict[str, Role] = {}
    optimizers = []
    for node in range(len(graph.nodes)):
        children = nodes.children[node]
        if "_variables" in children and nodes.child_name(node, "_iterations"):
            optimizers.append(_keras(nodes, node, roles))
        elif {"m", "v"} <= set(children) and nodes.has_variables(
            node, "beta1_power", "beta2_power"
        ):
            optimizers.append(_tf1_adam(nodes, node, parameters, roles))
        elif {"momentums", "global_step"} <= set(children):
            optimizers.append(_tf1_momentum(nodes, node, parameters, roles))
        elif graph.nodes[node].slot_variables or set(children) >= _KERAS_1:
            optimizers.append(_referring(nodes, node, graph.nodes[node].slot_variables, roles))
    counters = {"save_counter": SAVE_COUNTER, "global_step": STEP, "step": STEP}
    for local_name, purpose in counters.items():
        name = nodes.child_name(0, local_name)
        if name:
            roles.setdefault(name, Role(purpose))
    _averages(nodes, roles)
    return Found(roles, _aliases(nodes), optimizers)


class _Nodes:
    """The nodes of a graph by number: their children, and the names of those that are variables."""

    def __init__(self, graph: Any) -> None:
        self.children: list[dict[str, int]] = [
            {child.local_name: child.node_id for child in node.children} for node in graph.nodes
        ]
        self.names: dict[int, str] = {}
        self.program_names: dict[int, str] = {}
        for number, node in enumerate(graph.nodes):
            for attribute in node.attributes:
                self.names[number] = name_of(attribute.checkpoint_key)
                self.program_names[number] = attribute.full_name
        self.paths = self._shortest_paths()

    def _shortest_paths(self) -> dict[int, str]:
        """Returns the shortest path to each node."""
        paths = {0: ""}
        queue = collections.deque([0])
        while queue:
            node = queue.popleft()
            for local_name, child in self.children[node].items():
                if child not in paths:
                    paths[child] = f"{paths[node]}/{local_name}".lstrip("/")
                    queue.append(child)
        return paths

    def child_name(self, node: int, local_name: str) -> str | None:
        """Returns the name of the variable that is a node's child, None if there is none."""
        return self.names.get(self.children[node].get(local_name, -1))

    def has_variables(self, node: int, *names: str) -> bool:
        """Whether all children of these names are there and are variables."""
        return all(self.child_name(node, name) for name in names)

    def is_list(self, node: int) -> bool:
        """Whether a node is a list of variables; an empty one counts."""
        return node not in self.names and all(name.isdigit() for name in self.children[node])

    def listed(self, node: int) -> dict[int, str]:
        """Returns the names of the variables in a list, by position."""
        children = self.children[node].items()
        return {
            int(index): self.names[child]
            for index, child in children
            if index.isdigit() and child in self.names
        }


def _keras(nodes: _Nodes, node: int, roles: dict[str, Role]) -> Optimizer:
    children = nodes.children[node]
    iterations = nodes.names[children["_iterations"]]
    path = iterations.rpartition("/")[0]
    roles[iterations] = Role(ITERATIONS, optimizer=path)
    rate = nodes.child_name(node, "_learning_rate")
    if rate:
        roles[rate] = Role(LEARNING_RATE, optimizer=path)
    lists = {
        name: nodes.listed(child)
        for name, child in children.items()
        if name not in _NOT_SLOTS and nodes.is_list(child)
    }
    slots = {name for listed in lists.values() for name in listed.values()}
    others = set(nodes.listed(children["_variables"]).values()) - slots - {iterations, rate}
    named = nodes.program_names[children["_iterations"]].partition("/")[0]
    class_name = re.sub(r"_\d+$", "", named)  # the second of a class is called nadam_1
    # Nadam has Adam's lists, and one variable more.
    sizes = {name: len(listed) for name, listed in lists.items()}
    family = (None if others else keras_family(sizes)) or class_name
    parameters = children.get("_trainable_variables")
    owners = nodes.listed(parameters) if parameters is not None else {}
    for list_name, listed in lists.items():
        for position, name in listed.items():
            slot = keras_slot(family, list_name)
            roles[name] = Role(SLOT, slot, owners.get(position), path)
    if family == "Momentum" and not lists.get("momentums"):
        family = "SGD"
    return Optimizer(family, KERAS, path)


def _tf1_adam(nodes: _Nodes, node: int, parameters: BuiltWith, roles: dict[str, Role]) -> Optimizer:
    children = nodes.children[node]
    path = nodes.names[children["beta1_power"]].rpartition("/")[0]
    for beta in (1, 2):
        name = nodes.names[children[f"beta{beta}_power"]]
        roles[name] = Role(BETA_POWER, optimizer=path, beta=beta)
    for list_name, slot in _TF1_ADAM_LISTS.items():
        for name, owner in _owned(nodes, children[list_name], path, parameters):
            roles[name] = Role(SLOT, slot, owner, path)
    return Optimizer("Adam", TF1_KERNEL, path)


def _tf1_momentum(
    nodes: _Nodes, node: int, parameters: BuiltWith, roles: dict[str, Role]
) -> Optimizer:
    path = nodes.paths.get(node, "")
    for name, owner in _owned(nodes, nodes.children[node]["momentums"], path, parameters):
        roles[name] = Role(SLOT, MOMENTUM, owner, path, as_in_tf1=True)
    return Optimizer("Momentum", TF1_KERNEL, path)


def _owned(
    nodes: _Nodes, slots: int, path: str, parameters: BuiltWith
) -> Iterator[tuple[str, str | None]]:
    """Yields the keys of a list of slots, with the variables that the optimizer was built with."""
    own = parameters.get(path, ()) if isinstance(parameters, Mapping) else parameters
    for position, name in nodes.listed(slots).items():
        yield name, own[position] if position < len(own) else None


def _referring(
    nodes: _Nodes, node: int, references: Sequence[Any], roles: dict[str, Role]
) -> Optimizer:
    """Reads an optimizer of 1.x or of legacy Keras, which refers to its slots one by one."""
    family, slots = referenced_slots({reference.slot_name for reference in references})
    iterations = nodes.child_name(node, "iter")
    path = nodes.paths.get(node, "")
    if iterations:
        roles[iterations] = Role(ITERATIONS, optimizer=path)
        rate = nodes.child_name(node, "learning_rate")
        if rate:
            roles[rate] = Role(LEARNING_RATE, optimizer=path)
    for beta in (1, 2):
        power = nodes.child_name(node, f"beta{beta}_power")
        if power:
            roles[power] = Role(BETA_POWER, optimizer=path, beta=beta)
    for reference in references:
        name = nodes.names.get(reference.slot_variable_node_id)
        if name:
            owner = nodes.names.get(reference.original_variable_node_id)
            slot = slots[reference.slot_name]
            roles[name] = Role(SLOT, slot, owner, path, as_in_tf1=iterations is None)
    return Optimizer(family, KERAS if iterations else TF1, path)


def _averages(nodes: _Nodes, roles: dict[str, Role]) -> None:
    """Adds the variables that `tf.train.ExponentialMovingAverage` named after their variable."""
    named = {name: nodes.names[node] for node, name in nodes.program_names.items()}
    for program_name, name in named.items():
        owner, _, last = program_name.rpartition("/")
        if last == "ExponentialMovingAverage":
            roles.setdefault(name, Role(SLOT, AVERAGE, named.get(owner)))


def _aliases(nodes: _Nodes) -> dict[str, tuple[str, ...]]:
    """Returns, for each variable, its name in the program and its shortest path past optimizers.

    A key is the shortest path of all, which for a parameter may lead through the optimizer's list
    of them and say nothing.
    """
    paths = {0: ""}
    queue = collections.deque([0])
    while queue:
        node = queue.popleft()
        for local_name, child in nodes.children[node].items():
            if child not in paths and "_iterations" not in nodes.children[child]:
                paths[child] = f"{paths[node]}/{local_name}".lstrip("/")
                queue.append(child)
    unnamed = ("Variable", None)
    return {
        name: tuple(
            alias for alias in (nodes.program_names[node], paths.get(node)) if alias not in unnamed
        )
        for node, name in nodes.names.items()
    }
