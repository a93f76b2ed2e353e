"""Makes the plan of a conversion from a map and two checkpoints."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Callable, Sequence
from functools import partial

from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion import layouts, roles, values
from shared.tools.checkpoint_conversion.contents import (
    NAME_BASED,
    OBJECT_BASED,
    Contents,
    Variable,
    natural_order,
    require_scheme,
)
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap, KerasAdam
from shared.tools.checkpoint_conversion.layout_steps import Shape, Step
from shared.tools.checkpoint_conversion.layouts import Layout
from shared.tools.checkpoint_conversion.map_names import resolved
from shared.tools.checkpoint_conversion.optimizer_fit import misfit
from shared.tools.checkpoint_conversion.optimizers import MOMENTUM, UNKNOWN, are_similar, notes_on
from shared.tools.checkpoint_conversion.plan import Options, Plan, Write
from shared.tools.checkpoint_conversion.rearranging import Rearranging


def make_plan(
    source: Contents, template: Contents, conversion_map: CrossingMap, options: Options
) -> Plan:
    """Decides the value of every tensor of the target.

    Args:
        source: the checkpoint to convert.
        template: a checkpoint of the program that shall restore the target; of the other scheme.
        conversion_map: which tensor is which.
        options: what the user decides.

    Raises:
        CheckpointError: a tensor of either side has no partner, or a wrong shape or dtype, or the
            step counts of the source contradict each other.
        UsageError: the map does not fit the checkpoints, or an option is missing or unused.
    """
    if template.scheme == OBJECT_BASED:
        conversion_map, source = resolved(conversion_map, source, template)
    else:
        conversion_map, template = resolved(conversion_map, template, source)
    planner = _Planner(source, template, conversion_map, options)
    planner.pair_variables()
    for layout in conversion_map.layouts:
        planner.rearrange(layout)
    for adam in conversion_map.keras_adams:
        if planner.to_tf2:
            planner.count_steps(adam)
        else:
            planner.compute_powers(adam)
    if options.step is not None and not planner.step_used:
        raise UsageError("--step: nothing that is to be written depends on it")
    planner.set_learning_rates()
    planner.require_slots_beside_counts()
    planner.keep_the_rest()
    return planner.plan()


class _Planner:
    """Collects what is written into the target, tensor by tensor.

    Attributes:
        source: the checkpoint that is read.
        template: one of the other form, whose tensors are to be written.
        to_tf2: whether the target is a tf.train.Checkpoint's.
        writes: by name of a tensor of the target, what makes it.
        left_out: by name of a tensor of the source that is not carried over, the reason.
        arranged: names of the source that a layout reads.
        ignored: names of both sides that --ignore or the map leaves alone.
    """

    def __init__(
        self, source: Contents, template: Contents, conversion_map: CrossingMap, options: Options
    ) -> None:
        self.source = source
        self.template = template
        self.map = conversion_map
        self.options = options
        self.to_tf2 = template.scheme == OBJECT_BASED
        require_scheme(source, NAME_BASED if self.to_tf2 else OBJECT_BASED)
        self.writes: dict[str, Write] = {}
        self.left_out: dict[str, str] = {}
        self.rate_used = False
        self.step_used = False
        self.arranged: set[str] = set()
        self.ignored = self._ignored()

    def _ignored(self) -> set[str]:
        """Returns the names that a pattern matches.

        Raises UsageError for a pattern on the command line that matches nothing: a map serves both
        ways and many checkpoints, but a flag is meant for this one.
        """
        names = {*self.source.variables, *self.template.variables}
        found: set[str] = set()
        for pattern in [*self.map.ignore, *self.options.ignore]:
            # A name that is there means itself alone, also where it holds brackets.
            matching = names & {pattern} or {n for n in names if fnmatch.fnmatchcase(n, pattern)}
            if not matching and pattern in self.options.ignore:
                raise UsageError(f"--ignore: expected the pattern of a name; found {pattern!r}")
            found |= matching
        return found

    def require_slots_beside_counts(self) -> None:
        """Raises CheckpointError where Adam's count would be carried without its slots.

        Adam divides by 1 - beta ** count. With a late count and slots of 0 its first update is
        (1 - beta1) / sqrt(1 - beta2), 3.2 times, what it would be from the start, and with equal
        gradients the 12th is 6.6 times.
        """
        kept = self.ignored & set(self.template.variables)
        counts = (roles.ITERATIONS, roles.BETA_POWER)
        for count in self.template.variables.values():
            is_written = count.name in self.writes and count.name not in kept
            if count.role.purpose not in counts or not is_written:
                continue
            lost = [
                slot.name
                for slot in self.template.with_purpose(roles.SLOT)
                if slot.name in kept
                and slot.role.optimizer == count.role.optimizer
                and _corrects_bias(slot)
            ]
            if lost:
                raise CheckpointError(
                    f"{self.template.prefix}: {count.name}: expected the slots that were counted; "
                    f"found {len(lost)} ignored, the first {lost[0]}: map them, or let the "
                    f"optimizer start anew with --ignore {count.name!r} too"
                )

    def add(self, target: Variable, sources: Sequence[str], how: str, value: Callable) -> None:
        """Adds a tensor of the target.

        Args:
            target: of the template; a hash table's takes the length of its source.
            sources: names of the tensors of the source that `value` reads; none for a constant.
            how: what is done with them, in words, for the report.
            value: returns the array, of the target's shape and dtype; called when it is written.
        """
        if sources and target.has_any_length():
            target = dataclasses.replace(target, shape=self.source.variables[sources[0]].shape)
        self.writes[target.name] = Write(target, tuple(sources), how, value)

    def used(self) -> set[str]:
        """Returns the names of the source tensors that are written or accounted for."""
        written = {name for write in self.writes.values() for name in write.sources}
        return written | set(self.left_out) | self.arranged

    def pair_variables(self) -> None:
        """Adds the tensors that have a partner."""
        sources: dict[str, list[str]] = {}
        for tf1, tf2 in self.map.pairs():
            source, target = (tf1, tf2) if self.to_tf2 else (tf2, tf1)
            if not {source, target} & self.ignored:
                sources.setdefault(target, []).append(source)
        for target, names in sources.items():
            variables = [self.find(self.source, name) for name in names]
            self.pair(variables, self.find(self.template, target))

    def rearrange(self, layout: Layout) -> None:
        """Adds the tensors of a layout and, in the same order, their slots."""
        sides = (self.source, self.template) if self.to_tf2 else (self.template, self.source)
        names = (layout.tf1, layout.tf2)
        one, other = (
            [self.find(side, name) for name in listed]
            for side, listed in zip(sides, names, strict=True)
        )
        shapes = [v.shape for v in one], [v.shape for v in other]
        steps = layout.steps(*shapes)
        between = layouts.shapes_between(layout, *shapes, self.map.origin)
        add = partial(self.rearrange_group, layout.label(), steps, between)
        add(one, other, constants=True)
        if not all(step.for_slots for step in steps):
            return  # left out here, the slots are refused later: they have no partner
        for slot_name in sorted({v.role.slot or "" for v in sides[0].with_purpose(roles.SLOT)}):
            slots, others = (
                [v for name in listed for v in _slots(side, slot_name, name)]
                for side, listed in zip(sides, names, strict=True)
            )
            # Anything else than one slot for each tensor is left, and so refused.
            if (len(slots), len(others)) == (len(layout.tf1), len(layout.tf2)):
                add(slots, others, constants=False)

    def rearrange_group(
        self,
        label: str,
        steps: Sequence[Step],
        between: Sequence[Sequence[Shape]],
        tf1: list[Variable],
        tf2: list[Variable],
        constants: bool,
    ) -> None:
        """Adds tensors that are computed together; a constant is not added to a slot."""
        sources, targets = (tf1, tf2) if self.to_tf2 else (tf2, tf1)
        names = [source.name for source in sources]
        if self.ignored & {*names, *(target.name for target in targets)}:
            return  # the rest is refused as without a partner
        if len({v.dtype for v in (*tf1, *tf2)}) > 1:
            raise CheckpointError(
                f"{self.source.prefix}: {(*names, label)[0]}: expected one dtype in a layout; "
                "found several"
            )
        rate = None
        if tf1 and tf2 and _is_scaled(tf1[0], tf2[0]):
            rate = self.rate_of(sources[0])
            label = f"{label}, {self.scaled(rate)}"
        group = Rearranging(
            self.source, self.template, names, targets, steps, between, self.to_tf2, constants, rate
        )
        for variable in (*tf1, *tf2):
            if variable.name in {*self.writes, *self.arranged, *self.used()}:
                raise UsageError(
                    f"{self.map.origin}: {variable.name}: expected it in one layout or in "
                    "[variables]; found it twice"
                )
        self.arranged.update(names)
        if not targets:
            group.require_place()
        for position, target in enumerate(targets):
            self.add(target, names, label, partial(group.value, position))

    def find(self, contents: Contents, name: str) -> Variable:
        """Returns a variable that the map names.

        Raises:
            CheckpointError: the checkpoint does not have it.
        """
        if name not in contents.variables:
            raise CheckpointError(
                f"{contents.prefix}: expected {name!r}, which {self.map.origin} names; found none"
            )
        return contents.variables[name]

    def pair(self, sources: Sequence[Variable], target: Variable) -> None:
        """Adds one tensor of the target that has the value of one or more equal ones."""
        for source in sources:
            self.check_pair(source, target)
        names = [source.name for source in sources]
        if len(sources) > 1:
            values.require_equal(self.source, names)
        source = sources[0]
        read = partial(self.source.read, source.name)
        tf1, tf2 = (source, target) if self.to_tf2 else (target, source)
        if _is_scaled(tf1, tf2):
            self.scale_momentum(source, target)
        elif source.dtype != target.dtype:
            place = f"{self.source.prefix}: {source.name}"
            how = f"copied as {target.dtype}"
            self.add(target, names, how, partial(values.as_integer, read, target.dtype, place))
        else:
            self.add(target, names, "copied", read)

    def check_pair(self, source: Variable, target: Variable) -> None:
        """Raises CheckpointError unless one can have the value of the other."""
        place = f"{self.source.prefix}: {source.name}"
        counts = {source.dtype, target.dtype} <= {"int32", "int64"} and source.shape == ()
        shape_differs = source.shape != target.shape and not target.has_any_length()
        if shape_differs or (source.dtype != target.dtype and not counts):
            raise CheckpointError(
                f"{place}: expected {target.type()}, as {target.name} is in "
                f"{self.template.prefix}; found {source.type()}"
            )
        slots = {source.role.slot, target.role.slot}
        known = {slot for slot in slots if slot and not slot.startswith(UNKNOWN)}
        tf1, tf2 = (source, target) if self.to_tf2 else (target, source)
        if len(known) == 2 and not are_similar(tf1.role.slot or "", tf2.role.slot or ""):
            raise CheckpointError(
                f"{place}: expected a slot {target.role.slot}, as {target.name} is; "
                f"found a slot {source.role.slot}"
            )
        if tf2.role.slot == MOMENTUM and tf2.role.as_in_tf1 and tf1.role.as_in_keras:
            raise CheckpointError(
                f"{place}: expected the momentum of a MomentumOptimizer, as {tf2.name} is; found "
                "that of Keras's SGD, which scales it by the rate: build the port with Keras's SGD"
            )
        self.check_owners(source, target)

    def check_owners(self, source: Variable, target: Variable) -> None:
        """Raises UsageError where the map gives a slot to another variable than its own."""
        tf1, tf2 = (source, target) if self.to_tf2 else (target, source)
        owner, other = tf1.role.slot_of, tf2.role.slot_of
        if owner is None or other is None or owner not in self.map.variables:
            return
        if other not in self.map.variables[owner]:
            raise UsageError(
                f"{self.map.origin}: {tf1.name}: expected a slot of "
                f"{' or '.join(self.map.variables[owner])}, which is {owner!r}; found {tf2.name}, "
                f"a slot of {other}"
            )

    def scale_momentum(self, source: Variable, target: Variable) -> None:
        """Adds a momentum slot: Keras's is TF1's times -learning_rate."""
        rate = self.rate_of(source)
        rows = partial(self.source.rows, source.name)
        if self.to_tf2:
            value = partial(values.scaled_momentum, rows, rate)
        else:
            kept = partial(self.template.rows, target.name)
            value = partial(values.unscaled_momentum, rows, kept, rate)
        self.add(target, [source.name], self.scaled(rate), value)

    def scaled(self, rate: float) -> str:
        """Returns how Momentum's slots change, in words."""
        return f"times -{rate:g}" if self.to_tf2 else f"divided by -{rate:g}"

    def rate_of(self, slot: Variable) -> float:
        """Returns the rate by which Keras has multiplied, or is to, a slot of Momentum.

        Raises:
            UsageError: nothing tells it, or it is 0.
        """
        rate = self.options.learning_rate
        self.rate_used = True
        if rate is None and not self.to_tf2:
            rate = values.stored_rate(self.source, slot.role.optimizer)
        if rate is None:
            raise UsageError(
                f"--learning-rate: expected the rate, which Momentum's slot {slot.name} is to be "
                "scaled with; found none"
            )
        if not rate > 0:  # as after a schedule's end: the slot was multiplied by it
            raise UsageError(
                f"--learning-rate: expected the rate that {slot.name} was scaled with, for "
                f"{self.source.prefix} holds {rate:g}; found none"
            )
        return rate

    def count_steps(self, adam: KerasAdam) -> None:
        """Adds the count of a Keras Adam, and checks it against TF1's powers."""
        names = [name for name in (adam.beta1_power, adam.beta2_power) if name]
        if adam.iterations in self.ignored or self.ignored & set(names):
            return
        for name in names:
            self.find(self.source, name)
        count = self.find(self.template, adam.iterations)
        counted = self.writes.get(count.name)
        if counted:
            steps, sources = int(counted.value()), [*counted.sources, *names]
            how = f"{steps}, as the powers say"
        elif self.options.step is not None and values.has_underflowed(self.source, adam):
            steps, sources, self.step_used = self.options.step, names, True
            how = f"{steps}, as given: the powers have underflowed"
        else:
            steps, sources = values.steps_of_power(self.source, adam), names
            how = f"{steps}, by the powers"
        values.require_powers(self.source, adam, steps)
        for name in (adam.iterations, *adam.steps):
            target = self.find(self.template, name)
            self.add(target, sources, how, partial(values.integer, steps, target.dtype))

    def compute_powers(self, adam: KerasAdam) -> None:
        """Adds the powers that TF1's Adam would hold at the count of a Keras Adam."""
        if adam.iterations in self.ignored:
            return
        steps = int(self.source.read(self.find(self.source, adam.iterations).name))
        for name in adam.steps:
            values.require_equal_counts(self.source, adam.iterations, name)
            self.left_out[name] = f"{steps}; TF1 keeps it in Adam's powers"
        for name, beta in ((adam.beta1_power, adam.beta1), (adam.beta2_power, adam.beta2)):
            if name and name not in self.ignored:
                how = f"{beta:g} ** ({steps} + 1)"
                target = self.find(self.template, name)
                self.add(target, [adam.iterations], how, partial(values.power, beta, steps))

    def set_learning_rates(self) -> None:
        """Adds the rates that Keras keeps, or accounts for them when going back."""
        rate = self.options.learning_rate
        for variable in self.template.with_purpose(roles.LEARNING_RATE):
            if variable.name in self.writes:
                continue  # the map gives it a partner
            if rate is not None:
                self.rate_used = True
                value: Callable = partial(values.number, rate, variable.dtype)
                self.add(variable, [], f"{rate:g}, as given", value)
            else:
                value = partial(self.template.read, variable.name)
                self.add(variable, [], f"{float(value()):g}, template's", value)
        for variable in self.source.with_purpose(roles.LEARNING_RATE):
            if variable.name in self.used():
                continue
            number = float(self.source.read(variable.name))
            self.left_out[variable.name] = f"{number:g}; TF1 has it in the program's code"
        if rate is not None and not self.rate_used:
            raise UsageError("--learning-rate: nothing that is to be written depends on it")

    def keep_the_rest(self) -> None:
        """Adds ignored tensors of the target, and accounts for ignored ones of the source."""
        purposes = (roles.SAVE_COUNTER, roles.SETTING, roles.UNUSED)
        kept = [each for purpose in purposes for each in self.template.with_purpose(purpose)]
        for variable in [v for v in kept if v.name not in self.writes]:  # the map may name one
            value = partial(self.template.read, variable.name)
            self.add(variable, [], "template's", value)
        for variable in self.source.with_purpose(roles.SETTING):
            if variable.name not in self.used():
                number = float(self.source.read(variable.name))
                self.left_out[variable.name] = f"{number:g}; Keras has it in the program's code"
        for variable in self.source.with_purpose(roles.UNUSED):
            if variable.name not in self.used():
                self.left_out[variable.name] = "no program needs it to go on"
        for variable in self.source.with_purpose(roles.SAVE_COUNTER):
            if variable.name not in self.used():
                self.left_out[variable.name] = "counts files, not steps"
        for name in sorted(self.ignored & set(self.template.variables) - set(self.writes)):
            value = partial(self.template.read, name)
            self.add(self.template.variables[name], [], "ignored: template's", value)
        for name in sorted(self.ignored & set(self.source.variables) - self.used()):
            self.left_out[name] = "ignored"

    def plan(self) -> Plan:
        """Returns the plan.

        Raises:
            CheckpointError: a tensor of either side is not in it.
        """
        left = set(self.source.variables) - self.used()
        empty = set(self.template.variables) - set(self.writes)
        tf1, tf2 = (self.source, self.template) if self.to_tf2 else (self.template, self.source)
        reason = misfit(tf1, tf2, left | empty, self.to_tf2)
        if reason:
            raise CheckpointError(f"{self.source.prefix}: {reason}")
        _require_none(self.source, left, "no place for")
        _require_none(self.template, empty, "no value for")
        optimizers = [*self.source.optimizers, *self.template.optimizers]
        keras = {optimizer.family for optimizer in optimizers if optimizer.style == roles.KERAS}
        by_keras = any(v.role.as_in_keras for v in tf1.variables.values())
        notes = notes_on(keras, tf1.variables, by_keras)
        writes = [self.writes[name] for name in sorted(self.writes, key=natural_order)]
        return Plan(self.source, self.template, writes, self.left_out, notes)


def _slots(contents: Contents, slot_name: str, owner: str) -> list[Variable]:
    slots = contents.with_purpose(roles.SLOT)
    return [v for v in slots if (v.role.slot, v.role.slot_of) == (slot_name, owner)]


def _corrects_bias(slot: Variable) -> bool:
    """Whether a slot belongs to an optimizer that divides by 1 - beta ** count."""
    family = (slot.role.slot or "").lower()
    return any(name in family for name in ("adam", "lamb"))


def _is_scaled(tf1: Variable, tf2: Variable) -> bool:
    """Whether TF1's side keeps a momentum as TF1 does and the other as Keras does."""
    as_on_the_other_side = tf2.role.as_in_tf1 or tf1.role.as_in_keras
    return tf2.role.slot == MOMENTUM and not as_on_the_other_side


def _require_none(contents: Contents, left: set[str], found: str) -> None:
    if left:
        tensors = ", ".join(f"{name} ({contents.variables[name].type()})" for name in sorted(left))
        raise CheckpointError(
            f"{contents.prefix}: expected a partner for every tensor, or its name in --ignore; "
            f"found {found} {tensors}"
        )
