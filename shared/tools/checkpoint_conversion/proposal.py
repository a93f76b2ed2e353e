"""Proposes the map of a crossing from a checkpoint of each program, by name, shape and role."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.checkpoint_conversion.names import ENDING, LEAF, SAME, agreement, likeness
from shared.tools.checkpoint_conversion.optimizers import AVERAGE


@dataclasses.dataclass(frozen=True)
class Doubt:
    """A pair that may be wrong."""

    tf1: str
    tf2: str
    reason: str


@dataclasses.dataclass
class Proposal:
    """Which tensors belong together, as far as two checkpoints tell.

    Attributes:
        tf1: what the TF1 program saved.
        tf2: what the TF2 program saved.
        sure: TF2 names by TF1 name.
        doubts: the pairs to check.
        keras_adams: counts and powers that are computed from each other.
    """

    tf1: Contents
    tf2: Contents
    sure: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    doubts: list[Doubt] = dataclasses.field(default_factory=list)
    keras_adams: list[KerasAdam] = dataclasses.field(default_factory=list)

    def add(self, tf1: Variable, tf2: Variable, reason: str | None = None) -> None:
        """Adds a pair, a doubtful one if there is a reason to doubt."""
        if reason is None:
            self.sure.setdefault(tf1.name, []).append(tf2.name)
        else:
            self.doubts.append(Doubt(tf1.name, tf2.name, reason))

    def partner_of(self, tf1: str) -> tuple[str | None, str | None]:
        """Returns the first TF2 name of a TF1 name, and the reason to doubt it."""
        if tf1 in self.sure:
            return self.sure[tf1][0], None
        doubt = next((doubt for doubt in self.doubts if doubt.tf1 == tf1), None)
        return (doubt.tf2, doubt.reason) if doubt else (None, None)

    def without_partner(self) -> tuple[list[Variable], list[Variable]]:
        """Returns the variables of TF1 and of TF2 that are in no pair."""
        tf1 = {*self.sure, *(doubt.tf1 for doubt in self.doubts)}
        tf2 = {name for names in self.sure.values() for name in names}
        tf2.update(doubt.tf2 for doubt in self.doubts)
        for adam in self.keras_adams:
            tf1.update((adam.beta1_power, adam.beta2_power))
            tf2.add(adam.iterations)
        bookkeeping = (roles.LEARNING_RATE, roles.SAVE_COUNTER)  # need no partner
        return (
            [variable for name, variable in self.tf1.variables.items() if name not in tf1],
            [
                variable
                for name, variable in self.tf2.variables.items()
                if name not in tf2 and variable.role.kind not in bookkeeping
            ],
        )

    def map(self) -> CrossingMap:
        """Returns the map of the pairs that are sure."""
        return CrossingMap(self.tf1.prefix, self.tf2.prefix, self.sure, self.keras_adams)


def propose(tf1: Contents, tf2: Contents) -> Proposal:
    """Pairs the tensors of a name-based checkpoint with those of an object-based one."""
    proposal = Proposal(tf1, tf2)
    _pair_variables(proposal)
    _pair_slots(proposal)
    _pair_averages(proposal)
    _pair_beta_powers(proposal)
    _pair_iterations(proposal)
    return proposal


def _type(variable: Variable) -> Hashable:
    # A step count may be int32 in one program and int64 in the other.
    return "step" if variable.role.kind == roles.STEP else (variable.shape, variable.dtype)


def _grouped(
    variables: Iterable[Variable], key: Callable[[Variable], Hashable]
) -> dict[Hashable, list[Variable]]:
    groups = collections.defaultdict(list)
    for variable in sorted(variables, key=lambda v: natural_order(v.name)):
        groups[key(variable)].append(variable)
    return groups


def _shared_groups(
    tf1: dict[Hashable, list[Variable]], tf2: dict[Hashable, list[Variable]]
) -> list[tuple[list[Variable], list[Variable]]]:
    return [(group, tf2[key]) for key, group in tf1.items() if key in tf2]


def _pair_variables(proposal: Proposal) -> None:
    """Pairs variables and steps of the same shape and dtype by their names."""
    kinds = (roles.VARIABLE, roles.STEP)
    groups = [
        _grouped((v for v in side.variables.values() if v.role.kind in kinds), _type)
        for side in (proposal.tf1, proposal.tf2)
    ]
    for one, other in _shared_groups(*groups):
        _pair_by_name(proposal, one, other)


def _pair_by_name(proposal: Proposal, tf1: list[Variable], tf2: list[Variable]) -> None:
    """Pairs what nothing else can be, then the likeliest of the rest."""
    levels = {(a.name, b.name): agreement(a, b) for a in tf1 for b in tf2}
    for least in (SAME, ENDING):
        for a in list(tf1):
            found = [b for b in tf2 if levels[a.name, b.name] >= least]
            if len(found) == 1 and sum(levels[o.name, found[0].name] >= least for o in tf1) == 1:
                proposal.add(a, found[0])
                tf1.remove(a)
                tf2.remove(found[0])
    only = len(tf1) == len(tf2) == 1
    if only and levels[tf1[0].name, tf2[0].name] >= LEAF:
        proposal.add(tf1[0], tf2[0])
    else:
        _pair_likeliest(proposal, tf1, tf2, levels)


def _pair_likeliest(
    proposal: Proposal,
    tf1: list[Variable],
    tf2: list[Variable],
    levels: dict[tuple[str, str], int],
) -> None:
    """Pairs the rest doubtfully, the most alike first."""
    pairs = [(a, b) for a in tf1 for b in tf2]
    pairs.sort(key=lambda p: (-levels[p[0].name, p[1].name], -likeness(*p)))
    alone, others = {a.name for a in tf1}, {b.name: b for b in tf2}
    for a, b in pairs:
        if a.name in alone and b.name in others:
            alone.remove(a.name)
            del others[b.name]
            proposal.add(a, b, _reason("the names differ", list(others)))


def _reason(why: str, others: Sequence[str]) -> str:
    if not others:
        return why
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"{why}; same shape: {', '.join(others[:3])}{more}"


def _pair_slots(proposal: Proposal) -> None:
    """Pairs slots whose variables are a pair, then the rest by kind and shape."""
    tf1, tf2 = (side.with_role(roles.SLOT) for side in (proposal.tf1, proposal.tf2))
    by_owner = {(v.role.slot, v.role.slot_of): v for v in tf2}
    for slot in list(tf1):
        owner, doubt = proposal.partner_of(slot.role.slot_of or "")
        partner = by_owner.get((slot.role.slot, owner)) if owner else None
        if partner and _type(partner) == _type(slot):
            proposal.add(slot, partner, doubt and f"so is {slot.role.slot_of!r}")
            tf1.remove(slot)
            tf2.remove(partner)
    groups = [_grouped(side, lambda v: (v.role.slot, _type(v))) for side in (tf1, tf2)]
    for group in _shared_groups(*groups):
        _pair_in_order(proposal, *group)


def _pair_in_order(proposal: Proposal, tf1: list[Variable], tf2: list[Variable]) -> None:
    only = len(tf1) == len(tf2) == 1
    for index, (a, b) in enumerate(zip(tf1, tf2, strict=False)):
        others = [other.name for other in tf2[index + 1 :]]
        proposal.add(a, b, None if only else _reason("nothing says whose it is", others))


def _pair_averages(proposal: Proposal) -> None:
    """Pairs averages that a TF2 program keeps as variables like any other."""
    tf1, tf2 = proposal.without_partner()
    groups = [
        _grouped((v for v in tf1 if v.role.slot == AVERAGE), _type),
        _grouped((v for v in tf2 if v.role.kind == roles.VARIABLE), _type),
    ]
    for one, other in _shared_groups(*groups):
        _pair_by_name(proposal, one, other)


def _pair_beta_powers(proposal: Proposal) -> None:
    """Pairs powers of beta with TF1's kernel, or with the count of a Keras Adam."""
    powers = {beta: _powers(proposal.tf1, beta) for beta in (1, 2)}
    for beta in (1, 2):
        _pair_in_order(proposal, powers[beta], _powers(proposal.tf2, beta))
    keras = [
        optimizer
        for optimizer in proposal.tf2.optimizers
        if optimizer.style == roles.KERAS and optimizer.family == "Adam"
    ]
    # With two of them nothing says whose the powers are: they stay without a partner.
    if len(keras) == len(powers[1]) == len(powers[2]) == 1:
        iterations = _iterations(proposal.tf2, keras[0].path)
        proposal.keras_adams.append(
            KerasAdam(iterations.name, powers[1][0].name, powers[2][0].name)
        )


def _powers(contents: Contents, beta: int) -> list[Variable]:
    found = [v for v in contents.with_role(roles.BETA_POWER) if v.role.beta == beta]
    return sorted(found, key=lambda v: natural_order(v.name))


def _iterations(contents: Contents, path: str) -> Variable:
    counts = contents.with_role(roles.ITERATIONS)
    return next(variable for variable in counts if variable.role.optimizer == path)


def _pair_iterations(proposal: Proposal) -> None:
    """Pairs the count of a Keras optimizer with TF1's global step, beside another partner."""
    steps = proposal.tf1.with_role(roles.STEP)
    counts = proposal.tf2.with_role(roles.ITERATIONS)
    if len(steps) == 1 and len(counts) == 1:
        proposal.add(steps[0], counts[0])
    elif steps:
        for count in counts:
            reason = "several optimizers or global steps: whose updates does it count?"
            proposal.add(steps[0], count, reason)
