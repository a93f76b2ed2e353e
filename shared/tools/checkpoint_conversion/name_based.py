"""Roles of the tensors in a checkpoint of `tf.compat.v1.train.Saver`, told by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from shared.tools.checkpoint_conversion import old_keras
from shared.tools.checkpoint_conversion.optimizers import (
    AVERAGE,
    CUDNN_BUFFER,
    DEBIAS,
    UNKNOWN,
    keras_slot_in_tf1,
    tf1_slot,
)
from shared.tools.checkpoint_conversion.roles import (
    BETA_POWER,
    SETTING,
    SLOT,
    STEP,
    TF1,
    Optimizer,
    Role,
)

Types = Mapping[str, tuple[tuple[int, ...], str]]  # shape and name of dtype, by name

# An optimizer inside a scope has the scope in front, a second one a number behind.
_BETA_POWER = re.compile(r"(?:.*/)?beta([12])_power(?:_\d+)?")
_STEP = re.compile(r"(?:.*/)?global_step|training/\w+/iter")
_SETTING = re.compile(r"training/\w+/\w+")  # of a Keras optimizer of 1.x: beta_1, learning_rate
_NUMBERED = re.compile(r"(.+?)(?:_(\d+))?")
_PART = re.compile(r"(?:t|part)_\d+")  # what an Estimator puts between a variable and its slots
_INTEGERS = ("int32", "int64")


def classify(types: Types, order: Sequence[str] = ()) -> tuple[dict[str, Role], list[Optimizer]]:
    """Returns the role of every tensor that is not a plain variable, and the optimizers.

    Args:
        types: of all tensors.
        order: their names in the order in which the model made them, where the file tells it.
    """
    roles = {name: role for name in types if (role := _counter(name, types) or _slot(name, types))}
    roles |= old_keras.roles_of(types, order)
    slots = {role.slot for role in roles.values() if role.slot} - {AVERAGE, DEBIAS}
    families = sorted({slot if UNKNOWN in slot else slot.split(".")[0] for slot in slots})
    return roles, [Optimizer(family, TF1) for family in families]


def _counter(name: str, types: Types) -> Role | None:
    shape, dtype = types[name]
    power = _BETA_POWER.fullmatch(name)
    if shape == () and power and dtype == "float32":
        return Role(BETA_POWER, beta=int(power[1]))
    if shape == () and _STEP.fullmatch(name) and dtype in _INTEGERS:
        return Role(STEP)
    if shape == () and _SETTING.fullmatch(name) and dtype.startswith("float"):
        return Role(SETTING)
    return None


def _slot(name: str, types: Types) -> Role | None:
    """Returns the role of a name under a variable's with its shape: known by name or by form."""
    path, _, suffix = name.rpartition("/")
    owner = _owner(path, types[name], types)
    if not owner:
        buffer = path.rpartition("/")[2].startswith("opaque_kernel")
        return Role(SLOT, f"{CUDNN_BUFFER}.{suffix}") if buffer else None
    siblings = [other for other in ("RMSProp_2",) if f"{path}/{other}" in types]
    slot = tf1_slot(suffix, siblings)
    if slot:
        return Role(SLOT, slot, owner)
    slot = keras_slot_in_tf1(name)
    if slot:
        return Role(SLOT, slot, owner, as_in_keras=True)
    return _slot_by_form(path, suffix, owner, types)


def _slot_by_form(path: str, suffix: str, owner: str, types: Types) -> Role:
    """Returns the role of state whose optimizer has a name of its own.

    A pair X, X_1 beside two powers of beta is Adam's; X_2, X_3 are a second Adam's over the same
    variable. Everything else is state of an unknown optimizer.
    """
    match = _NUMBERED.fullmatch(suffix)
    base, number = (match[1], int(match[2] or 0)) if match else (suffix, 0)
    first = number - number % 2
    pair = [base if n == 0 else f"{base}_{n}" for n in (first, first + 1)]
    powers = {int(m[1]) for other in types if (m := _BETA_POWER.fullmatch(other))}
    known = tf1_slot(base, ()) or "Adam.m"
    if (
        known == "Adam.m"
        and all(f"{path}/{other}" in types for other in pair)
        and (powers == {1, 2} or base == "Adam")
    ):
        which = str(first // 2) if first else None
        return Role(SLOT, "Adam.v" if number % 2 else "Adam.m", owner, which)
    return Role(SLOT, f"{UNKNOWN}.{suffix}", owner)


def _owner(path: str, type_: tuple[tuple[int, ...], str], types: Types) -> str | None:
    """Returns the variable of a slot, whose name may have the optimizer's scope in front.

    An Estimator has a part such as "t_0" behind the variable's name as well.
    """
    parts = path.split("/")
    ends = [len(parts)] + ([len(parts) - 1] if _PART.fullmatch(parts[-1]) else [])
    candidates = ("/".join(parts[start:end]) for end in ends for start in range(end))
    return next((name for name in candidates if types.get(name) == type_), None)
