"""What a checkpoint of either scheme holds: variables, slots, optimizers and the step."""

from __future__ import annotations

import collections
import dataclasses
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import name_based, object_based
from shared.tools.checkpoint_conversion.files import errors_of
from shared.tools.checkpoint_conversion.index_file import Part
from shared.tools.checkpoint_conversion.roles import (
    ITERATIONS,
    KERAS,
    LEARNING_RATE,
    PLAIN,
    SLOT,
    Optimizer,
    Role,
)
from shared.tools.checkpoint_conversion.row_blocks import rows_of
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import (
    KERAS3_WEIGHTS,
    Entry,
    Source,
    open_source,
)

NAME_BASED = "name-based"  # tf.compat.v1.train.Saver
OBJECT_BASED = "object-based"  # tf.train.Checkpoint
OBJECT_BASED_TF1 = "object-based, of TensorFlow 1"  # as TF1's side; see `tf1_objects`


@dataclasses.dataclass(frozen=True)
class Variable:
    """One tensor of a checkpoint.

    Attributes:
        name: TF1's name, or TF2's key without "/.ATTRIBUTES/VARIABLE_VALUE".
        key: its name in the file.
        shape: its full shape, also of a partitioned variable whose slices are all there.
        dtype: name of its dtype, such as "float32".
        role: what it is for.
        aliases: other names that a TF2 program has for it.
        part: which part of a partitioned variable it is, None for all of one.
        partitions: into how many slices of rows it was cut.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    dtype: str
    role: Role = PLAIN
    aliases: tuple[str, ...] = ()
    part: Part | None = None
    partitions: int = 1

    def has_any_length(self) -> bool:
        """Whether it is the content of a hash table, which has as many rows as were inserted."""
        return self.key.endswith((".ATTRIBUTES/table-keys", ".ATTRIBUTES/table-values"))

    def bytes(self) -> int | None:
        """Returns its size in the file; None for text and the like, which has no fixed size."""
        import tensorflow as tf

        dtype = tf.as_dtype(self.dtype)
        return None if dtype in (tf.string, tf.variant) else math.prod(self.shape) * dtype.size

    def type(self) -> str:
        """Returns dtype and shape as people read them: "float32 [784, 10]"."""
        return f"{self.dtype} {list(self.shape)}"


@dataclasses.dataclass(frozen=True)
class Contents:
    """All of a checkpoint but its values.

    Attributes:
        prefix: path without `.index`, or of the file.
        scheme: what its keys are made of: NAME_BASED, OBJECT_BASED or OBJECT_BASED_TF1.
        variables: by name, sorted.
        optimizers: those that left slots or counters.
        source: what its values are read from.
        graph: the serialized object graph of an object-based one.
    """

    prefix: str
    scheme: str
    variables: Mapping[str, Variable]
    optimizers: Sequence[Optimizer]
    source: Source
    graph: bytes | None = None

    def with_purpose(self, purpose: str) -> list[Variable]:
        """Returns the variables that are for one thing, such as SLOT."""
        return [each for each in self.variables.values() if each.role.purpose == purpose]

    def read(self, name: str) -> Any:
        """Reads a variable's value as an eager tensor.

        Raises:
            CheckpointError: the file is damaged, or holds no values.
        """
        return self.source.read(self.variables[name].key)

    def rows(self, name: str) -> Any:
        """Reads a variable's value as an array, of a large one as Rows that are read when needed.

        Raises:
            CheckpointError: the file is damaged, or holds no values.
        """
        import numpy as np

        key = self.variables[name].key
        rows = getattr(self.source, "rows", None)  # what can read a part of a tensor has it
        found = rows(key) if rows is not None else None
        return rows_of(np.asarray(self.source.read(key))) if found is None else found


def describe(path: str | os.PathLike[str], parameters: object_based.BuiltWith = ()) -> Contents:
    """Reads what a checkpoint holds; of its values only the object graph.

    Args:
        path: a prefix, a folder or a file; see `sources.open_source`.
        parameters: names of the variables that a `TF1Adam` or a `TF1Momentum` was built with, in
            that order: its slots are numbered, and nothing in the file says whose they are. Of
            several, by the path of each, such as "generator_optimizer".

    Raises:
        CheckpointError: there is no checkpoint, or its index is damaged.
    """
    source = open_source(path)
    if object_based.GRAPH_KEY in source.entries:
        return _object_based(source, parameters)
    if source.form == KERAS3_WEIGHTS:
        return _numbered(source)
    types = {name: (entry.shape, entry.dtype) for name, entry in source.entries.items()}
    roles, optimizers = name_based.classify(types, getattr(source, "order", ()))
    variables = {
        name: _variable(name, entry, roles.get(name, PLAIN))
        for name, entry in source.entries.items()
    }
    return Contents(source.path, NAME_BASED, variables, optimizers, source)


def _object_based(source: Source, parameters: object_based.BuiltWith) -> Contents:
    serialized = source.read(object_based.GRAPH_KEY)
    with errors_of(source.path, object_based.GRAPH_KEY):
        if serialized.dtype != "string" or serialized.shape != ():
            raise ValueError(f"{serialized.dtype.name} {serialized.shape}")
        serialized = serialized.numpy()
        found = object_based.classify(object_based.parse(serialized), parameters)
    names = {
        object_based.name_of(key): entry
        for key, entry in source.entries.items()
        if key != object_based.GRAPH_KEY
    }
    readable = _readable(names, found.aliases)
    variables = {}
    for key, entry in names.items():
        name, role = readable.get(key, key), found.roles.get(key, PLAIN)
        owner = role.slot_of and readable.get(role.slot_of, role.slot_of)
        aliases = (*found.aliases.get(key, ()), *([key] if name != key else []))
        role = dataclasses.replace(role, slot_of=owner)
        variables[name] = _variable(name, entry, role, aliases)
    variables = dict(sorted(variables.items()))
    return Contents(source.path, OBJECT_BASED, variables, found.optimizers, source, serialized)


def _readable(names: Mapping[str, Entry], aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns better names of what a file knows as a number in an optimizer's list.

    A key is the shortest path to a variable, which for a parameter often leads through the list of
    the optimizer's parameters; the path through the model says more.
    """
    paths = {
        name: aliases[name][-1]
        for name in names
        if "_trainable_variables" in name.split("/") and aliases.get(name)
    }
    found = collections.Counter(paths.values())
    return {
        name: path
        for name, path in paths.items()
        if "/" in path and found[path] == 1 and path not in names
    }


def _numbered(source: Source) -> Contents:
    """Reads the roles of a `.weights.h5`, in which the optimizer's variables are but numbered.

    The count and the rate come first (keras/src/optimizers/base_optimizer.py); which slot each
    other one is, the file does not say, so that no slot becomes one of these: a `.keras` file says.
    """
    path = "optimizer"
    known = {f"{path}/vars/0": Role(ITERATIONS, optimizer=path)}
    known[f"{path}/vars/1"] = Role(LEARNING_RATE, optimizer=path)
    unknown = Role(SLOT, "of an unknown name", None, path)
    variables = {
        name: _variable(
            name, entry, known.get(name, unknown if name.startswith(f"{path}/vars/") else PLAIN)
        )
        for name, entry in source.entries.items()
    }
    optimizers = [Optimizer("optimizer of an unknown name", KERAS, path)]
    kept = optimizers if f"{path}/vars/0" in variables else []
    return Contents(source.path, OBJECT_BASED, variables, kept, source)


def _variable(name: str, entry: Entry, role: Role, aliases: tuple[str, ...] = ()) -> Variable:
    is_rate = entry.shape == () and "float" in entry.dtype
    if role.purpose == LEARNING_RATE and not is_rate:
        role = PLAIN  # of an object that only looks like an optimizer of Keras
    return Variable(
        name, entry.key, entry.shape, entry.dtype, role, aliases, entry.part, entry.partitions
    )


def natural_order(name: str) -> list[tuple[int, str]]:
    """Returns a key that sorts m/10 behind m/9."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def require_scheme(contents: Contents, scheme: str) -> None:
    """Raises CheckpointError when the checkpoint is of the other scheme."""
    tf1 = (NAME_BASED, OBJECT_BASED_TF1)
    if contents.scheme not in (tf1 if scheme == NAME_BASED else (scheme,)):
        raise CheckpointError(
            f"{shown(contents.prefix)}: expected a checkpoint that is {scheme}; "
            f"found {contents.scheme}"
        )
