"""Roles of the tensors in a checkpoint of `tf.compat.v1.train.Saver`, told by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.tools.checkpoint_conversion.optimizers import AVERAGE, tf1_slot
from shared.tools.checkpoint_conversion.roles import BETA_POWER, SLOT, STEP, TF1, Optimizer, Role

Types = Mapping[str, tuple[tuple[int, ...], str]]  # shape and name of dtype, by name

# An optimizer inside a scope has the scope in front, a second one a number behind.
_BETA_POWER = re.compile(r"(?:.*/)?beta([12])_power(?:_\d+)?")
_STEP = re.compile(r"(?:.*/)?global_step")
_INTEGERS = ("int32", "int64")


def classify(types: Types) -> tuple[dict[str, Role], list[Optimizer]]:
    """Returns the role of every tensor that is not a plain variable, and the optimizers."""
    roles = {name: role for name in types if (role := _counter(name, types) or _slot(name, types))}
    slots = {role.slot for role in roles.values() if role.slot and role.slot != AVERAGE}
    families = sorted({slot.split(".")[0] for slot in slots})
    return roles, [Optimizer(family, TF1) for family in families]


def _counter(name: str, types: Types) -> Role | None:
    shape, dtype = types[name]
    power = _BETA_POWER.fullmatch(name)
    if shape == () and power and dtype == "float32":
        return Role(BETA_POWER, beta=int(power[1]))
    if shape == () and _STEP.fullmatch(name) and dtype in _INTEGERS:
        return Role(STEP)
    return None


def _slot(name: str, types: Types) -> Role | None:
    owner_in_scope, _, suffix = name.rpartition("/")
    siblings = [other for other in ("RMSProp_2",) if f"{owner_in_scope}/{other}" in types]
    slot = tf1_slot(suffix, siblings)
    owner = _owner(owner_in_scope, types[name], types)
    return Role(SLOT, slot, owner) if slot and owner else None


def _owner(path: str, type_: tuple[tuple[int, ...], str], types: Types) -> str | None:
    """Returns the variable of a slot, whose name may have the optimizer's scope in front."""
    parts = path.split("/")
    candidates = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((name for name in candidates if types.get(name) == type_), None)
