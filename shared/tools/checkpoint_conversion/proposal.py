"""Proposes the map of a conversion from a checkpoint of each program, by name, shape and role."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence

from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.cells import proposed_layouts
from shared.tools.checkpoint_conversion.contents import Contents, Variable, natural_order
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.checkpoint_conversion.counts import pair_counts
from shared.tools.checkpoint_conversion.graph_evidence import Evidence, evidence_beside
from shared.tools.checkpoint_conversion.layouts import Layout
from shared.tools.checkpoint_conversion.matching import (
    Matches,
    Numbers,
    are_numbered_alike,
    beside_pairs,
    have_words_of_their_own,
    numbers_of,
    of_equal_endings,
    of_equal_paths,
    of_equal_signatures,
    of_only_meaning,
    of_shared_scopes,
)
from shared.tools.checkpoint_conversion.names import (
    LEAF,
    agreement,
    has_leaf,
    has_scope,
    is_cell,
    is_recurrent,
    leaf_of,
    path_of,
    paths_of,
)
from shared.tools.checkpoint_conversion.optimizers import AVERAGE, are_similar
from shared.tools.checkpoint_conversion.special_pairs import (
    arrange_partitions,
    pair_equal_values,
    pair_tables,
)

# Ways in which names tell partners, the strongest first.
_BY_PARTS = (of_shared_scopes, of_equal_signatures)
_BY_NAME = (of_equal_paths, of_equal_endings, *_BY_PARTS, of_only_meaning)


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
        layouts: tensors whose elements are in another order or shape, such as recurrent cells'.
        evidence: what the graph beside TF1's checkpoint says.
    """

    tf1: Contents
    tf2: Contents
    sure: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    doubts: list[Doubt] = dataclasses.field(default_factory=list)
    keras_adams: list[KerasAdam] = dataclasses.field(default_factory=list)
    layouts: list[Layout] = dataclasses.field(default_factory=list)
    evidence: Evidence = dataclasses.field(default_factory=Evidence)

    def add(self, tf1: Variable, tf2: Variable, reason: str | None = None) -> None:
        """Adds a pair, a doubtful one if there is a reason to doubt."""
        if reason is None:
            self.sure.setdefault(tf1.name, []).append(tf2.name)
        else:
            self.doubts.append(Doubt(tf1.name, tf2.name, reason))

    def partners(self) -> dict[str, tuple[str, str | None]]:
        """Returns the first TF2 name of each TF1 name, and the reason to doubt it."""
        found: dict[str, tuple[str, str | None]] = {}
        for doubt in reversed(self.doubts):
            found[doubt.tf1] = doubt.tf2, doubt.reason
        return found | {tf1: (names[0], None) for tf1, names in self.sure.items()}

    def without_partner(self) -> tuple[list[Variable], list[Variable]]:
        """Returns the variables of TF1 and of TF2 that are in no pair."""
        tf1 = {*self.sure, *(doubt.tf1 for doubt in self.doubts)}
        tf2 = {name for names in self.sure.values() for name in names}
        tf2.update(doubt.tf2 for doubt in self.doubts)
        for adam in self.keras_adams:
            tf1.update((adam.beta1_power, adam.beta2_power))
            tf2.update((adam.iterations, *adam.steps))
        one, other = self.cells()
        # Slots follow their variables where both optimizers keep them.
        slots = {v.role.slot for v in self.tf1.variables.values()}
        slots &= {v.role.slot for v in self.tf2.variables.values()}
        # What needs no partner.
        bookkeeping = (roles.LEARNING_RATE, roles.SETTING, roles.SAVE_COUNTER, roles.UNUSED)
        return (
            [
                v
                for name, v in self.tf1.variables.items()
                if name not in tf1
                and not (_of(v, one) and v.role.slot in slots)
                and v.role.purpose not in bookkeeping
            ],
            [
                v
                for name, v in self.tf2.variables.items()
                if name not in tf2
                and not (_of(v, other) and v.role.slot in slots)
                and v.role.purpose not in bookkeeping
            ],
        )

    def cells(self) -> tuple[set[str], set[str]]:
        """Returns the names of the tensors in layouts, in TF1 and in TF2."""
        return (
            {name for layout in self.layouts for name in layout.tf1},
            {name for layout in self.layouts for name in layout.tf2},
        )

    def map(self) -> CrossingMap:
        """Returns the map of the pairs that are sure."""
        layouts = [layout for layout in self.layouts if not layout.unsure]
        adams = [adam for adam in self.keras_adams if not adam.unsure]
        return CrossingMap(self.tf1.prefix, self.tf2.prefix, self.sure, adams, layouts=layouts)


def propose(tf1: Contents, tf2: Contents, match_values: bool = False) -> Proposal:
    """Pairs the tensors of a name-based checkpoint with those of an object-based one.

    Args:
        tf1: what the TF1 program saved.
        tf2: what the TF2 program saved.
        match_values: whether both programs had the same values when they saved, so that equal
            values tell which variable is which.
    """
    proposal = Proposal(tf1, tf2, layouts=list(proposed_layouts(tf1, tf2)))
    proposal.evidence = evidence_beside(tf1.prefix)
    if match_values:
        pair_equal_values(proposal)
    _pair_variables(proposal)
    arrange_partitions(proposal)
    _pair_slots(proposal)
    _pair_averages(proposal)
    pair_tables(proposal)
    pair_counts(proposal)
    return proposal


def _type(variable: Variable) -> Hashable:
    # A step count may be int32 in one program and int64 in the other.
    return "step" if variable.role.purpose == roles.STEP else (variable.shape, variable.dtype)


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
    purposes = (roles.VARIABLE, roles.STEP)
    sides = [side.variables.values() for side in (proposal.tf1, proposal.tf2)]
    groups = [
        _grouped((v for v in side if v.role.purpose in purposes and v.name not in taken), _type)
        for side, taken in zip(sides, _taken(proposal), strict=True)
    ]
    shared = _shared_groups(*groups)
    _pair_surely(proposal, shared)
    for one, other in shared:
        _pair_in_creation_order(proposal, one, other)


def _taken(proposal: Proposal) -> tuple[set[str], set[str]]:
    """Returns the names that are in a layout or a sure pair, in TF1 and in TF2."""
    one, other = proposal.cells()
    return one | set(proposal.sure), other.union(*proposal.sure.values())


def _pair_surely(
    proposal: Proposal, groups: Sequence[tuple[list[Variable], list[Variable]]]
) -> None:
    """Pairs what nothing else can be, and takes it out of its group of one type.

    Takes time in proportion to the number of variables: a table of thousands has one shape.
    """
    only = [len(one) == len(other) == 1 for one, other in groups]
    numbers = [numbers_of(v for group in side for v in group) for side in zip(*groups, strict=True)]
    found = True
    while found:  # what is paired leaves fewer names to mistake for each other
        found = False
        for alone, (one, other) in zip(only, groups, strict=True):
            for partners in _BY_NAME:
                found |= _pair_matches(proposal, partners, one, other, numbers)
            if alone and one and other and _may_be_one(one[0], other[0]):
                a, b = one.pop(), other.pop()
                proposal.add(a, b, _doubt(proposal, a, b))
                found = True
        beside = beside_pairs(proposal.sure, proposal.tf2.variables)
        for one, other in groups:
            found |= _pair_matches(proposal, beside, one, other, numbers)


def _may_be_one(a: Variable, b: Variable) -> bool:
    """Whether the names of the only two tensors of a type have anything in common."""
    parts = {part for path in paths_of(b) for part in path}
    return agreement(a, b) >= LEAF or bool(parts & set(path_of(a)))


def _pair_matches(
    proposal: Proposal,
    partners: Callable[[list[Variable], list[Variable]], Matches],
    tf1: list[Variable],
    tf2: list[Variable],
    numbers: Sequence[Numbers],
) -> bool:
    """Pairs what one way of matching tells without a rival; returns whether it told any."""
    matches = partners(tf1, tf2)
    claimed = collections.Counter(b.name for found in matches.values() for b in found)
    pairs = [
        (a, matches[a.name][0])
        for a in tf1
        if len(matches.get(a.name, ())) == 1 and claimed[matches[a.name][0].name] == 1
    ]
    pairs = [
        (a, b)
        for a, b in pairs
        if are_numbered_alike(a, b, numbers)
        and not (partners in _BY_PARTS and have_words_of_their_own(a, b))
    ]
    for a, b in pairs:
        proposal.add(a, b, _doubt(proposal, a, b))
    names = [{v.name for v in side} for side in zip(*pairs, strict=True)] if pairs else [set()] * 2
    tf1[:] = [a for a in tf1 if a.name not in names[0]]
    tf2[:] = [b for b in tf2 if b.name not in names[1]]
    return bool(pairs)


def _doubt(proposal: Proposal, a: Variable, b: Variable) -> str | None:
    """Returns why two tensors of one shape may hold other numbers in other places, or None."""
    if a.name in proposal.evidence.channels_first:
        return (
            "TF1 flattens pictures with channels first: where the port has them last, rows are in "
            "another order, and a [[layout]] is needed"
        )
    if is_recurrent(a) or is_recurrent(b):
        scope = a.name.rpartition("/")[0]
        if f"{scope}/recurrent_kernel" in proposal.tf1.variables and has_leaf(a, b):
            return None  # a cell of Keras on both sides
        if has_scope(a, b) and not is_cell(a):
            return None  # a layer that a cell uses, such as an attention's
        return "a recurrent cell: gates of TF1 and Keras differ in order and meaning"
    return None


def _pair_in_creation_order(proposal: Proposal, tf1: list[Variable], tf2: list[Variable]) -> None:
    """Pairs the rest doubtfully: by first scope and last part, by last part, then any."""
    keys: tuple[tuple[Callable, Callable], ...] = (
        (lambda a: (path_of(a)[0], leaf_of(path_of(a))), _scope_keys),
        (lambda a: leaf_of(path_of(a)), lambda b: {leaf_of(path) for path in paths_of(b)}),
        (lambda a: 0, lambda b: {0}),
    )
    one = {v.name: v for v in sorted(tf1, key=lambda v: natural_order(v.name))}
    other = {v.name: v for v in sorted(tf2, key=_creation)}
    pairs = []
    for key, other_keys in keys:
        waiting: dict[Hashable, collections.deque] = collections.defaultdict(collections.deque)
        for b in other.values():
            for found in other_keys(b):
                waiting[found].append(b)
        for a in list(one.values()):
            queue = waiting[key(a)]
            while queue and queue[0].name not in other:
                queue.popleft()
            if queue:
                pairs.append((a, queue.popleft()))
                del one[a.name], other[pairs[-1][1].name]
    names = [b.name for _, b in pairs]
    for a, b in pairs:
        others = [*dict.fromkeys(n for n in (*names[:4], *names[-1:]) if n != b.name)]
        why = _doubt(proposal, a, b) or "in order of creation; the names do not tell"
        proposal.add(a, b, _reason(why, others, len(names) - 1))


def _scope_keys(b: Variable) -> set[Hashable]:
    """Returns each scope with the last part; any of them may be the first scope in TF1."""
    return {(part, leaf_of(path)) for path in paths_of(b) for part in path[:-1]}


def _creation(variable: Variable) -> list[tuple[int, str]]:
    """Returns a key in whose order a TF2 program made its variables, as far as names tell."""
    readable = [n for n in variable.aliases if "_trainable_variables/" not in n]
    return natural_order(readable[-1] if readable else variable.name)


def _reason(why: str, others: Sequence[str], count: int | None = None) -> str:
    if not others:
        return why
    count = len(others) if count is None else count
    more = f" and {count - 3} more" if count > 3 else ""
    return f"{why}; same shape: {', '.join(others[:3])}{more}"


def _of(variable: Variable, cells: set[str]) -> bool:
    """Whether a tensor belongs to a recurrent cell, as its own or as a slot."""
    return variable.name in cells or variable.role.slot_of in cells


def _pair_slots(proposal: Proposal) -> None:
    """Pairs slots whose variables are a pair, then the rest by name and shape."""
    tf1, tf2 = (
        [v for v in side.with_purpose(roles.SLOT) if not _of(v, cells)]
        for side, cells in zip((proposal.tf1, proposal.tf2), proposal.cells(), strict=True)
    )
    by_owner = collections.defaultdict(list)
    for b in sorted(tf2, key=lambda v: natural_order(v.name)):
        by_owner[b.role.slot, b.role.slot_of].append(b)
    rivals = collections.Counter((a.role.slot, a.role.slot_of) for a in tf1)
    partners = proposal.partners()
    used: set[str] = set()
    for slot in sorted(tf1, key=lambda v: natural_order(v.name)):
        owner, doubt = partners.get(slot.role.slot_of or "", (None, None))
        key = (slot.role.slot, slot.role.slot_of)
        found = by_owner[slot.role.slot, owner] if owner else []
        several = len(found) > 1 or rivals[key] > 1
        partner = next((b for b in found if b.name not in used and _type(b) == _type(slot)), None)
        if partner:
            reason = doubt and f"so is {slot.role.slot_of!r}"
            if several:
                reason = "several optimizers keep it: whose is it?"
            proposal.add(slot, partner, reason)
            used |= {slot.name, partner.name}
    tf1, tf2 = ([v for v in side if v.name not in used] for side in (tf1, tf2))
    groups = [_grouped(side, lambda v: (v.role.slot, _type(v))) for side in (tf1, tf2)]
    for group in _shared_groups(*groups):
        _pair_in_order(proposal, *group)
    _pair_similar_slots(proposal)


def _pair_similar_slots(proposal: Proposal) -> None:
    """Pairs slots of other names, doubtfully: the only ones of variables that are a pair."""
    tf1, tf2 = ([v for v in side if v.role.slot] for side in proposal.without_partner())
    partners = proposal.partners()
    for slot in tf1:
        owner, _ = partners.get(slot.role.slot_of or "", (None, None))
        found = [b for b in tf2 if b.role.slot_of == owner and _type(b) == _type(slot)]
        rivals = [a for a in tf1 if a.role.slot_of == slot.role.slot_of]
        name = slot.role.slot or ""
        if owner and len(found) == len(rivals) == 1 and are_similar(name, found[0].role.slot or ""):
            proposal.add(slot, found[0], f"{name} of TF1: is it {found[0].role.slot} of Keras?")


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
        _grouped((v for v in tf2 if v.role.purpose == roles.VARIABLE), _type),
    ]
    shared = _shared_groups(*groups)
    _pair_surely(proposal, shared)
    for one, other in shared:
        _pair_in_creation_order(proposal, one, other)
