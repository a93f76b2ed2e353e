"""State of Keras's optimizers up to TensorFlow 1.13, whose variables have numbers for names.

Such an optimizer makes lists of variables, one for each parameter, and gives them no names. So they
are called training/Adam/Variable, training/Adam/Variable_1 and so on: the first moments of all
parameters, then the second moments. Keras up to 2.2 did the same with TensorFlow. Source:
`get_updates` of each class in tensorflow/python/keras/optimizers.py of TensorFlow 1.12.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from shared.tools.checkpoint_conversion.optimizers import MOMENTUM, UNKNOWN
from shared.tools.checkpoint_conversion.roles import SETTING, SLOT, STEP, UNUSED, Role

Types = Mapping[str, tuple[tuple[int, ...], str]]  # shape and name of dtype, by name

_VHAT = "Adam.vhat"  # what amsgrad keeps
# The lists of each class in their order.
_LISTS = {
    "Adam": ("Adam.m", "Adam.v", _VHAT),
    "SGD": (MOMENTUM,),
    "RMSprop": ("RMSProp.rms",),
    "Adagrad": ("Adagrad.accumulator",),
    "Adadelta": ("Adadelta.accum", "Adadelta.accum_update"),
    "Adamax": ("AdaMax.m", "AdaMax.u"),
    "Nadam": ("nadam.momentums", "nadam.velocities"),
}
_CLASSES = f"(?:{'|'.join(_LISTS)})"
_NUMBERED = re.compile(rf"(training(?:_\d+)?/({_CLASSES})(?:_\d+)?)/Variable(?:_(\d+))?")
_COUNT = re.compile(rf"{_CLASSES}(?:_\d+)?/iterations")
_SETTING = re.compile(rf"{_CLASSES}(?:_\d+)?/(?:lr|rho|beta_1|beta_2|momentum|decay)")
_NO_PARAMETER = ("moving_mean", "moving_variance")


def roles_of(types: Types, order: Sequence[str] = ()) -> dict[str, Role]:
    """Returns the roles of the tensors that such an optimizer left.

    Args:
        types: of all tensors of a file.
        order: their names in the order in which the model made them, where the file tells it.
    """
    found: dict[str, Role] = {}
    numbered: dict[tuple[str, str], dict[int, str]] = collections.defaultdict(dict)
    for name, (shape, dtype) in types.items():
        match = _NUMBERED.fullmatch(name)
        if match:
            numbered[match[1], match[2]][int(match[3] or 0)] = name
        elif shape == () and _COUNT.fullmatch(name) and dtype == "int64":
            found[name] = Role(STEP)
        elif shape == () and _SETTING.fullmatch(name):
            found[name] = Role(SETTING)
    own = {*found, *(name for names in numbered.values() for name in names.values())}
    for (_, family), names in numbered.items():
        listed = [names[number] for number in sorted(names)]
        parameters = [n for n in order or types if n not in own and _may_be_parameter(n, types)]
        owners = partial(_owners, types, parameters, ordered=bool(order))
        found |= _slots(listed, _LISTS[family], types, owners)
    return found


def _slots(
    listed: Sequence[str],
    slots: Sequence[str],
    types: Types,
    owners_of: Callable[[list[tuple[int, ...]]], list[str | None]],
) -> dict[str, Role]:
    """Returns the roles of one optimizer's lists; none where their shapes do not repeat."""
    count, left = divmod(len(listed), len(slots))
    shapes = [types[name][0] for name in listed]
    lists = [shapes[k * count : (k + 1) * count] for k, slot in enumerate(slots) if slot != _VHAT]
    if left or any(other != lists[0] for other in lists):
        return {}
    owners = owners_of(lists[0])
    found = {}
    for place, name in enumerate(listed):
        slot, owner = slots[place // count], owners[place % count]
        if slot == _VHAT:
            # Without amsgrad, each is a single 0 that nothing reads.
            unused = set(shapes[place - place % count :]) == {(1,)}
            found[name] = Role(UNUSED) if unused else Role(SLOT, f"{UNKNOWN}.vhat", owner)
        else:
            found[name] = Role(SLOT, slot, owner, as_in_keras=True)
    return found


def _may_be_parameter(name: str, types: Types) -> bool:
    return bool(types[name][0]) and name.split("/")[-1] not in _NO_PARAMETER


def _owners(
    types: Types, parameters: Sequence[str], shapes: Sequence[tuple[int, ...]], ordered: bool
) -> list[str | None]:
    """Returns the parameter of each shape: in their order, or the only one of its shape."""
    if ordered and [types[name][0] for name in parameters] == list(shapes):
        return list(parameters)
    of_shape = collections.defaultdict(list)
    for name in parameters:
        of_shape[types[name][0]].append(name)
    return [
        of_shape[shape][0] if len(of_shape[shape]) == 1 and shapes.count(shape) == 1 else None
        for shape in shapes
    ]
