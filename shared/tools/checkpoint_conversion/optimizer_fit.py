"""Says in one line why an optimizer's slots do not fit the other side's, and what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.optimizers import (
    AVERAGE,
    CUDNN_BUFFER,
    DEBIAS,
    GRADIENT_SUM,
    keras_keeping,
)

# By the name of a slot, or by the family of the optimizer: what is kept differently.
_REASONS = {
    "nadam": "Keras's Nadam also keeps the product of its schedule of momentum (_u_product); TF1's "
    "has a constant momentum and no such product. To go on as TF1 did, write its formula into a "
    "subclass of Keras's Adam, which keeps the same slots",
    "RMSProp.momentum": "TF1 keeps it with momentum=0 too, and then never reads it",
    "RMSProp.mean_gradient": "only a centered RMSProp keeps it",
    CUDNN_BUFFER: "only cuDNN, on a GPU, tells in which order its buffer holds the weights",
    "AdagradDA": "Keras has no dual averaging",
    "Momentum.accumulator": "Keras's SGD keeps it with a momentum above 0 only",
}


def misfit(
    tf1: Contents, tf2: Contents, without_partner: Collection[str], to_tf2: bool
) -> str | None:
    """Returns what does not fit and what to do; None where no optimizer's slot is concerned.

    Args:
        tf1: the TF1 side.
        tf2: the TF2 side.
        without_partner: names of tensors of either side that have neither partner nor place.
        to_tf2: whether the TF2 side is the target.
    """
    one, other = (_slots(side) for side in (tf1, tf2))
    left, empty = ([v for v in side if v.name in without_partner] for side in (one, other))
    same = _slot_names(left).keys() & _slot_names(empty).keys()  # then the map lacks a line
    if not (left or empty) or same or not tf2.optimizers:
        return None
    if any(n in s.variables and not _is_state(s, n) for s in (tf1, tf2) for n in without_partner):
        return None
    found = f"{_texts(one, 'nothing')} in TF1, {_texts(other, 'nothing')} in the port"
    reasons = [_REASONS[k] for k in (*_slot_names(left), *_families(left, other)) if k in _REASONS]
    because = f" ({reasons[0]})" if reasons else ""
    return f"expected an optimizer that keeps the same on both sides; found {found}{because}: " + (
        _ways(left, empty, tf1, tf2, to_tf2)
    )


def _is_state(side: Contents, name: str) -> bool:
    """Whether a tensor is a slot, or another one that an optimizer keeps."""
    scopes = [f"{optimizer.path}/" for optimizer in side.optimizers if optimizer.path]
    kept = (roles.SLOT, roles.BETA_POWER, roles.STEP, roles.ITERATIONS)
    return side.variables[name].role.purpose in kept or name.startswith(tuple(scopes))


def _slots(side: Contents) -> list[Variable]:
    slots = side.with_purpose(roles.SLOT)
    return [v for v in slots if v.role.slot not in (AVERAGE, DEBIAS, GRADIENT_SUM)]


def _slot_names(slots: Iterable[Variable]) -> dict[str, None]:
    return dict.fromkeys(sorted({v.role.slot or "" for v in slots}))


def _families(*sides: Sequence[Variable]) -> list[str]:
    return [slot.partition(".")[0] for side in sides for slot in _slot_names(side)]


def _texts(slots: Sequence[Variable], nothing: str) -> str:
    by_family: dict[str, list[str]] = {}
    for slot in _slot_names(slots):
        family, _, name = slot.partition(".")
        by_family.setdefault(family, []).append(name or family)
    return "; ".join(f"{family}'s {', '.join(names)}" for family, names in by_family.items()) or (
        nothing
    )


def _ways(
    left: Sequence[Variable], empty: Sequence[Variable], tf1: Contents, tf2: Contents, to_tf2: bool
) -> str:
    """Returns what to do, with the flags that make the conversion run."""
    patterns = [_pattern(slot) for slot in left]
    if not empty and len(left) < len(_slots(tf1)):
        what = "leave them out" if to_tf2 else "let them keep the template's values"
        return f"{what} with {_flags(patterns)}"
    # A count or a power of beta means nothing without the slots that it counted.
    patterns = [_pattern(slot) for slot in _slots(tf1)]
    patterns += [v.name for v in tf1.with_purpose(roles.BETA_POWER)]
    patterns += [v.name for v in tf1.with_purpose(roles.STEP) if not tf2.with_purpose(roles.STEP)]
    patterns += [f"{optimizer.path}/*" for optimizer in tf2.optimizers]
    same = keras_keeping(_slot_names(_slots(tf1))) if to_tf2 else None
    fitting = f"build the port with Keras's {same}, or " if same else ""
    return f"{fitting}let the target's optimizer start anew with {_flags(patterns)}"


def _pattern(slot: Variable) -> str:
    return f"*/{slot.name.rpartition('/')[2]}"


def _flags(patterns: Sequence[str]) -> str:
    return " ".join(f"--ignore '{p}'" for p in sorted(set(patterns), key=natural_order))
