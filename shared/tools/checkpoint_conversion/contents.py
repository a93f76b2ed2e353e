"""What a checkpoint holds, of either kind: variables, slots, optimizers and the step."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import name_based, object_based
from shared.tools.checkpoint_conversion.files import errors_of, locate, read_tensor
from shared.tools.checkpoint_conversion.roles import PLAIN, Optimizer, Role

NAME_BASED = "name-based"  # tf.compat.v1.train.Saver
OBJECT_BASED = "object-based"  # tf.train.Checkpoint


@dataclasses.dataclass(frozen=True)
class Variable:
    """One tensor of a checkpoint.

    Attributes:
        name: TF1's name, or TF2's key without "/.ATTRIBUTES/VARIABLE_VALUE".
        key: its name in the file.
        shape: its full shape, also of a partitioned variable.
        dtype: name of its dtype, such as "float32".
        role: what it is for.
        aliases: other names that a TF2 program has for it.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    dtype: str
    role: Role = PLAIN
    aliases: tuple[str, ...] = ()

    def bytes(self) -> int | None:
        """Returns its size in the file; None for strings, which have no fixed size."""
        import tensorflow as tf

        dtype = tf.as_dtype(self.dtype)
        return None if dtype == tf.string else math.prod(self.shape) * dtype.size

    def type(self) -> str:
        """Returns dtype and shape as people read them: "float32 [784, 10]"."""
        return f"{self.dtype} {list(self.shape)}"


@dataclasses.dataclass(frozen=True)
class Contents:
    """All of a checkpoint but its values.

    Attributes:
        prefix: path without `.index`.
        kind: NAME_BASED or OBJECT_BASED.
        variables: by name, sorted.
        optimizers: those that left slots or counters.
        graph: the serialized object graph of an OBJECT_BASED one.
    """

    prefix: str
    kind: str
    variables: Mapping[str, Variable]
    optimizers: Sequence[Optimizer]
    graph: bytes | None = None

    def with_role(self, kind: str) -> list[Variable]:
        """Returns the variables of one kind of role."""
        return [variable for variable in self.variables.values() if variable.role.kind == kind]

    def read(self, name: str) -> Any:
        """Reads a variable's value as an eager tensor.

        Raises:
            CheckpointError: the file is damaged.
        """
        import tensorflow as tf

        variable = self.variables[name]
        return read_tensor(self.prefix, variable.key, tf.as_dtype(variable.dtype))


def describe(path: str | os.PathLike[str], parameters: Sequence[str] = ()) -> Contents:
    """Reads what a checkpoint holds; of its values only the object graph.

    Args:
        path: a prefix, a folder or an `.index` file.
        parameters: names of the variables that a `TF1Adam` was built with, in that order: its
            slots are numbered, and nothing in the file says whose they are.

    Raises:
        CheckpointError: there is no checkpoint, or its index is damaged.
    """
    import tensorflow as tf

    prefix = locate(path)
    with errors_of(prefix):
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
        dtypes = {key: dtype.name for key, dtype in reader.get_variable_to_dtype_map().items()}
        serialized = None
        if object_based.GRAPH_KEY in shapes:
            serialized = reader.get_tensor(object_based.GRAPH_KEY)
    types = {key: (tuple(shapes[key]), dtypes[key]) for key in sorted(shapes)}
    if serialized is None:
        roles, optimizers = name_based.classify(types)
        variables = {key: Variable(key, key, *types[key], roles.get(key, PLAIN)) for key in types}
        return Contents(prefix, NAME_BASED, variables, optimizers)
    return _object_based(prefix, types, serialized, parameters)


def _object_based(
    prefix: str, types: name_based.Types, serialized: bytes, parameters: Sequence[str]
) -> Contents:
    with errors_of(prefix, object_based.GRAPH_KEY):
        found = object_based.classify(object_based.parse(serialized), parameters)
    variables = {}
    for key in types:
        if key != object_based.GRAPH_KEY:
            name = object_based.name_of(key)
            role = found.roles.get(name, PLAIN)
            variables[name] = Variable(name, key, *types[key], role, found.aliases.get(name, ()))
    return Contents(prefix, OBJECT_BASED, variables, found.optimizers, serialized)


def natural_order(name: str) -> list[tuple[int, str]]:
    """Returns a key that sorts m/10 behind m/9."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def require_kind(contents: Contents, kind: str) -> None:
    """Raises CheckpointError when the checkpoint is of the other kind."""
    if contents.kind != kind:
        raise CheckpointError(
            f"{contents.prefix}: expected a checkpoint that is {kind}; found {contents.kind}"
        )
