"""The names in a map made exact: other names of a tensor, and rules for many tensors."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Mapping, Sequence

from shared.errors import UsageError
from shared.tools.checkpoint_conversion import roles
from shared.tools.checkpoint_conversion.contents import Contents
from shared.tools.checkpoint_conversion.conversion_map import CrossingMap
from shared.tools.checkpoint_conversion.optimizers import keras_slot


def resolved(
    conversion_map: CrossingMap, tf1: Contents, tf2: Contents
) -> tuple[CrossingMap, Contents]:
    """Returns the map with the names that the checkpoints have, and TF1's with the slots it names.

    A TF2 tensor may be named by its key or by any other name that only it has. A rule in
    `[rules]` stands for all TF1 tensors that its pattern matches and that no line names.

    Args:
        conversion_map: as it was read.
        tf1: the checkpoint of TF1, source or template.
        tf2: the other one.

    Raises:
        UsageError: a rule matches nothing, or leads to a name that is not there.
    """
    exact = _Names(tf2)
    found = dataclasses.replace(
        conversion_map,
        variables={
            name: [exact.of(n) for n in names] for name, names in conversion_map.variables.items()
        },
        layouts=[
            dataclasses.replace(layout, tf2=tuple(exact.of(n) for n in layout.tf2))
            for layout in conversion_map.layouts
        ],
        keras_adams=[
            dataclasses.replace(
                adam,
                iterations=exact.of(adam.iterations),
                steps=tuple(exact.of(n) for n in adam.steps),
            )
            for adam in conversion_map.keras_adams
        ],
        rules={},
    )
    if not conversion_map.rules:
        return found, tf1
    return _Rules(found, tf1, tf2, exact).applied(conversion_map.rules)


class _Names:
    """The names of a checkpoint's tensors by each other name that only one of them has."""

    def __init__(self, contents: Contents) -> None:
        self.variables = contents.variables
        named = collections.defaultdict(set)
        for variable in contents.variables.values():
            for alias in variable.aliases:
                named[alias].add(variable.name)
        self.only = {alias: next(iter(names)) for alias, names in named.items() if len(names) == 1}

    def of(self, name: str) -> str:
        """Returns the name of the tensor; what was given where there is none."""
        return name if name in self.variables else self.only.get(name, name)


class _Rules:
    def __init__(self, found: CrossingMap, tf1: Contents, tf2: Contents, exact: _Names) -> None:
        self.map = found
        self.tf1 = tf1
        self.tf2 = tf2
        self.exact = exact
        self.variables = dict(tf1.variables)
        self.pairs = {name: list(names) for name, names in found.variables.items()}
        self.named = {*self.pairs, *(n for layout in found.layouts for n in layout.tf1)}

    def applied(self, rules: Mapping[str, str]) -> tuple[CrossingMap, Contents]:
        """Returns the map and TF1's checkpoint with what the rules say; names before slots."""
        for pattern, value in sorted(rules.items(), key=lambda rule: "*" not in rule[1]):
            matching = self._matching(pattern)
            if not matching:
                raise UsageError(
                    f"{self.map.origin}: [rules] {pattern!r}: expected the pattern of a name that "
                    f"no line has in {self.tf1.prefix}; found none"
                )
            for name, parts in matching.items():
                if "*" in value:
                    self._pair(pattern, value, name, parts)
                else:
                    self._slot(pattern, value, name, parts)
        found = dataclasses.replace(self.map, variables=self.pairs)
        return found, dataclasses.replace(self.tf1, variables=self.variables)

    def _matching(self, pattern: str) -> dict[str, Sequence[str]]:
        expression = re.compile("(.+)".join(map(re.escape, pattern.split("*"))))
        matches = {n: expression.fullmatch(n) for n in self.variables if n not in self.named}
        return {name: match.groups() for name, match in matches.items() if match}

    def _pair(self, pattern: str, value: str, name: str, parts: Sequence[str]) -> None:
        """Pairs a name with the one that has the same parts for the stars."""
        pieces = value.split("*")
        if len(pieces) != len(parts) + 1:
            raise UsageError(
                f"{self.map.origin}: [rules] {pattern!r}: expected as many * on both sides; found "
                f"{value!r}"
            )
        text = "".join(p for both in zip(pieces, (*parts, ""), strict=True) for p in both)
        target = self.exact.of(text)
        if target not in self.tf2.variables:
            raise UsageError(
                f"{self.map.origin}: [rules] {pattern!r}: expected {text!r} for {name!r}; "
                f"found no such name in {self.tf2.prefix}"
            )
        self.pairs[name] = [target]
        self.named.add(name)

    def _slot(self, pattern: str, value: str, name: str, parts: Sequence[str]) -> None:
        """Makes a tensor a slot of the variable whose name the star stands for."""
        path, _, listed = value.rpartition("/")
        owner = parts[0] if parts else ""
        role_of = {
            slot.role.slot: slot.role
            for slot in self.tf2.with_purpose(roles.SLOT)
            for optimizer in self.tf2.optimizers
            if optimizer.path == slot.role.optimizer and optimizer.path.endswith(path)
            if slot.role.slot in (listed, keras_slot(optimizer.family, listed))
        }
        if len(role_of) != 1 or owner not in self.tf1.variables:
            raise UsageError(
                f"{self.map.origin}: [rules] {pattern!r}: expected a variable's name before the "
                f"slot's, and a list of slots such as _momentums; found {owner!r} and {value!r}"
            )
        (role,) = role_of.values()
        variable = self.variables[name]
        self.variables[name] = dataclasses.replace(
            variable, role=dataclasses.replace(role, slot_of=owner, optimizer=None)
        )
        for slot in self.tf2.with_purpose(roles.SLOT):
            same = (slot.role.slot, slot.role.optimizer) == (role.slot, role.optimizer)
            if same and slot.role.slot_of in self.pairs.get(owner, ()):
                self.pairs[name] = [slot.name]
        self.named.add(name)
