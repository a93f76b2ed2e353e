"""Object-based checkpoints that TensorFlow 1.x wrote, as the TF1 side of a conversion."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Mapping

from shared.tools.checkpoint_conversion import object_based, roles
from shared.tools.checkpoint_conversion.contents import (
    OBJECT_BASED,
    OBJECT_BASED_TF1,
    Contents,
    Variable,
)
from shared.tools.checkpoint_conversion.roles import Role

_NO_NAME = re.compile(r"(?:Variable(?:_\d+)?)?")
_GLOBAL_STEP = re.compile(r"(?:.*/)?global_step")
_CONFIGURATION = ".ATTRIBUTES/OBJECT_CONFIG_JSON"  # how Keras made a layer, as text


def as_tf1(contents: Contents) -> Contents:
    """Returns a checkpoint as TF1's side; one that is name-based, or TensorFlow 2's, as it is.

    `tf.train.Checkpoint` and `save_weights` of 1.x wrote object-based ones. Their variables get the
    names that the program gave them, where only one variable has a name: a port often has the same.
    An optimizer of Keras 3, or one of TF1's kernels in eager code, is a sign of TensorFlow 2.
    """
    modern = any(optimizer.style == roles.TF1_KERNEL for optimizer in contents.optimizers) or any(
        count.name.endswith("_iterations") for count in contents.with_purpose(roles.ITERATIONS)
    )
    if contents.scheme != OBJECT_BASED or contents.graph is None or modern:
        return contents
    names = _program_names(contents, contents.graph)
    variables = {
        names[v.name]: dataclasses.replace(v, name=names[v.name], role=_role(v, contents, names))
        for v in contents.variables.values()
    }
    variables = dict(sorted(variables.items()))
    return dataclasses.replace(contents, scheme=OBJECT_BASED_TF1, variables=variables)


def _program_names(contents: Contents, graph: bytes) -> dict[str, str]:
    """Returns the name that the program gave each variable, or its path where that says less."""
    given = {
        attribute.checkpoint_key: attribute.full_name
        for node in object_based.parse(graph).nodes
        for attribute in node.attributes
    }
    wanted = {v.name: given.get(v.key, "") for v in contents.variables.values()}
    counts = collections.Counter([*wanted.values(), *contents.variables])
    return {
        name: full if counts[full] == 1 + (full == name) and not _NO_NAME.fullmatch(full) else name
        for name, full in wanted.items()
    }


def _role(variable: Variable, contents: Contents, names: Mapping[str, str]) -> Role:
    if variable.key.endswith(_CONFIGURATION):
        return Role(roles.UNUSED)
    role = variable.role
    if role.purpose == roles.ITERATIONS:
        return Role(roles.STEP)
    if role.purpose == roles.LEARNING_RATE or _is_setting(variable, contents):
        return Role(roles.SETTING)
    if role.purpose == roles.SLOT:
        owner = role.slot_of and names.get(role.slot_of, role.slot_of)
        by_keras = role.optimizer is not None and not role.as_in_tf1
        return dataclasses.replace(role, slot_of=owner, as_in_tf1=False, as_in_keras=by_keras)
    whole = variable.shape == () and variable.dtype in ("int32", "int64")
    if role == roles.PLAIN and whole and _GLOBAL_STEP.fullmatch(names[variable.name]):
        return Role(roles.STEP)
    return role


def _is_setting(variable: Variable, contents: Contents) -> bool:
    """Whether a number is one of a Keras optimizer's hyperparameters, such as its decay."""
    paths = [optimizer.path for optimizer in contents.optimizers if optimizer.path]
    number = variable.shape == () and variable.dtype.startswith("float")
    scope = variable.name.rpartition("/")[0]
    return number and variable.role == roles.PLAIN and scope in paths
