"""Proposes what counts updates: steps, and Adam's powers of beta beside Keras's counts."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.adam_steps import power_after, updates_from
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.conversion_map import KerasAdam
from shared.tools.checkpoint_conversion.roles import Optimizer

if TYPE_CHECKING:
    from shared.tools.checkpoint_conversion.proposal import Proposal

_DIGITS = 6  # a beta is a short decimal number in its program
_SEVERAL = "several optimizers, in order of names: which powers are its own?"


def pair_counts(proposal: Proposal) -> None:
    """Pairs powers of beta with TF1's kernel or with the count of a Keras Adam, and the steps."""
    steps = _steps(proposal.tf1)
    _pair_powers(proposal, steps)
    _pair_other_steps(proposal, steps)
    _pair_iterations(proposal, steps)
    _pair_rates(proposal)


def _steps(contents: Contents) -> list[Variable]:
    """Returns TF1's steps: by name, else the only whole number in the file."""
    steps = contents.with_purpose(roles.STEP)
    if steps:
        return steps
    whole = [v for v in contents.with_purpose(roles.VARIABLE) if v.shape == () and "int" in v.dtype]
    return whole if len(whole) == 1 else []


def _pair_powers(proposal: Proposal, steps: list[Variable]) -> None:
    powers = {beta: _powers(proposal.tf1, beta) for beta in (1, 2)}
    for beta in (1, 2):
        kernel = _powers(proposal.tf2, beta)
        only = len(powers[beta]) == len(kernel) == 1
        for one, other in zip(powers[beta], kernel, strict=False):
            proposal.add(one, other, None if only else _SEVERAL)
    for family, second in (("Adam", powers[2]), ("AdaMax", [])):
        keras = [
            optimizer
            for optimizer in proposal.tf2.optimizers
            if optimizer.style == roles.KERAS and optimizer.family == family
        ]
        if not keras or len(keras) != len(powers[1]) or len(powers[2]) != len(second):
            continue
        placed = _by_place(proposal, [*powers[1], *second], keras)
        unsure = "" if len(keras) == 1 or placed else _SEVERAL
        for k, optimizer in enumerate(keras):
            found = placed.get(optimizer.path) or [powers[1][k].name, *(p.name for p in second[k:])]
            names = found[0], found[1] if second else ""
            adam = KerasAdam(_iterations(proposal.tf2, optimizer.path).name, *names)
            adam = _with_betas(adam, proposal.tf1, steps)
            proposal.keras_adams.append(dataclasses.replace(adam, unsure=unsure))


def _by_place(
    proposal: Proposal, powers: Sequence[Variable], keras: Sequence[Optimizer]
) -> dict[str, list[str]]:
    """Returns the powers of each Keras optimizer, by its path: of beta1, then of beta2.

    TF1 places them beside a variable that its optimizer trains; the slots say which of Keras's
    trains the same one. Empty unless this tells all of them.
    """
    trains: dict[str, set[str]] = collections.defaultdict(set)
    for slot in proposal.tf2.with_purpose(roles.SLOT):
        trains[slot.role.slot_of or ""].add(slot.role.optimizer or "")
    found: dict[str, list[str]] = collections.defaultdict(list)
    for power in powers:
        variable = proposal.evidence.placed.get(power.name, "")
        optimizers = {path for b in _partners(proposal, variable) for path in trains[b]}
        if len(optimizers) != 1:
            return {}
        found[optimizers.pop()].append(power.name)
    each = len(powers) // max(len(keras), 1)
    complete = set(found) == {k.path for k in keras} and {*map(len, found.values())} == {each}
    return found if complete else {}


def _partners(proposal: Proposal, tf1: str) -> Sequence[str]:
    """Returns the TF2 variables that are surely a TF1 variable, or in a sure layout with it."""
    layouts = (x for x in proposal.layouts if tf1 in x.tf1 and not x.unsure)
    return [*proposal.sure.get(tf1, ()), *(name for x in layouts for name in x.tf2)]


def _powers(contents: Contents, beta: int) -> list[Variable]:
    found = [v for v in contents.with_purpose(roles.BETA_POWER) if v.role.beta == beta]
    return sorted(found, key=lambda v: natural_order(v.name))


def _iterations(contents: Contents, path: str) -> Variable:
    counts = contents.with_purpose(roles.ITERATIONS)
    return next(variable for variable in counts if variable.role.optimizer == path)


def _with_betas(adam: KerasAdam, tf1: Contents, steps: list[Variable]) -> KerasAdam:
    """Returns an Adam with the betas of which TF1 holds the powers, to the last bit."""
    try:
        if steps:
            count = int(tf1.read(steps[0].name))
        else:
            power = tf1.read(adam.beta2_power or adam.beta1_power).numpy()
            beta = adam.beta2 if adam.beta2_power else adam.beta1
            count = updates_from(beta, power, adam.beta2_power)
        found: dict[str, Any] = {}
        for field, name in (("beta1", adam.beta1_power), ("beta2", adam.beta2_power)):
            if name:
                default = getattr(adam, field)
                found[field] = _beta(float(tf1.read(name)), count, default)
    except CheckpointError:
        return adam  # a file of names and shapes, or powers of other betas and no step
    return dataclasses.replace(adam, **found)


def _beta(power: float, count: int, default: float) -> float:
    if power == power_after(default, count) or not 0 < power < 1:
        return default
    root = power ** (1 / (count + 1))
    for digits in range(1, _DIGITS):
        beta = round(root, digits)
        if 0 < beta < 1 and power_after(beta, count) == power:
            return beta
    return default


def _agrees(proposal: Proposal, step: Variable) -> bool:
    """Whether an Adam's powers say that this number counts updates."""
    for adam in proposal.keras_adams:
        try:
            count = int(proposal.tf1.read(step.name))
            power = float(proposal.tf1.read(adam.beta1_power))
        except CheckpointError:
            return False
        if count > 0 and power > 0 and power == power_after(adam.beta1, count):
            return True
    return False


def _pair_other_steps(proposal: Proposal, steps: list[Variable]) -> None:
    """Pairs TF2's step with a number of another name, or with what Adam counted."""
    _, left = proposal.without_partner()
    waiting = [v for v in left if v.role.purpose == roles.STEP]
    if len(waiting) != 1:
        return
    if not steps and len(proposal.keras_adams) == 1:
        adam = proposal.keras_adams[0]
        proposal.keras_adams[0] = dataclasses.replace(adam, steps=(waiting[0].name,))
    elif len(steps) == 1 and steps[0].role.purpose != roles.STEP:
        proposal.add(steps[0], waiting[0], _doubt_of_step(proposal, steps[0]))


def _doubt_of_step(proposal: Proposal, step: Variable) -> str | None:
    if step.role.purpose == roles.STEP or _agrees(proposal, step):
        return None
    return "the only whole number in the file: does it count updates?"


def _pair_iterations(proposal: Proposal, steps: list[Variable]) -> None:
    """Pairs the count of a Keras optimizer with TF1's global step, beside another partner."""
    counts = proposal.tf2.with_purpose(roles.ITERATIONS)
    own = [
        step for step in steps if _last(step) in ("iter", "iterations")
    ]  # of Keras's optimizer in TF1
    if len(own) == len(counts) == 1:
        steps = own
    counted = {adam.iterations for adam in proposal.keras_adams}
    if len(steps) == 1 and len(counts) == 1:
        proposal.add(steps[0], counts[0], _doubt_of_step(proposal, steps[0]))
    elif steps:
        for count in counts:
            if count.name not in counted:
                reason = "several optimizers or global steps: whose updates does it count?"
                proposal.add(steps[0], count, reason)


def _pair_rates(proposal: Proposal) -> None:
    """Pairs the learning rate of a Keras optimizer of 1.x, which kept it in a variable."""
    settings = proposal.tf1.with_purpose(roles.SETTING)
    one = [setting for setting in settings if _last(setting) in ("learning_rate", "lr")]
    other = proposal.tf2.with_purpose(roles.LEARNING_RATE)
    if len(one) == len(other) == 1 and one[0].dtype == other[0].dtype:
        proposal.add(one[0], other[0])


def _last(variable: Variable) -> str:
    return variable.name.rpartition("/")[2]
