"""Names and attributes of names: which symbol a chain such as `slim.conv2d` stands for."""

from __future__ import annotations

import ast
import builtins

from shared.tools.scan import behaviour_rules
from shared.tools.scan.facts import Unresolved
from shared.tools.scan.nodes import place_of, short_text
from shared.tools.scan.parameters import Function
from shared.tools.scan.scopes import WaitingUse, Walker
from shared.tools.scan.suspects import suspect
from shared.tools.scan.values import (
    OTHER,
    Instance,
    Reference,
    Several,
    Value,
    attribute,
    held,
    method,
)

_BUILTINS = frozenset(dir(builtins)) | {"unicode", "xrange", "raw_input", "long", "basestring"}


class Chains(Walker):
    """The handlers of names and attributes."""

    def name(self, node: ast.Name) -> Value:
        """Returns what a name stands for, and adds the use that it is."""
        found, value = self.look_up(node.id)
        function = self.function_of(node.id) if value is None else None
        if isinstance(function, Function) and node is not self.callee:
            self.parameters.escaped.add(function)
        if not found:
            value = self.unbound(node, node.id, [])
        elif (isinstance(value, str) and value != "tf") or (
            isinstance(value, Reference) and value.name
        ):
            self.add_use(node, value, node.id, "name")
        elif isinstance(value, Several):
            self.several(node, value, node.id)
        return value

    def unbound(self, node: ast.AST, name: str, names: list[str]) -> Value:
        """A name that nothing binds: it may come from a wildcard import."""
        if name in _BUILTINS:
            return OTHER
        written = ".".join([name, *names])
        if self.facts.wildcards:
            reference = Reference("*", written)
            self.add_use(node, reference, written, "wildcard")
            return reference
        if name in ("tf", "slim") and names:
            self.facts.unresolved.append(
                Unresolved(place_of(node), written, f"no import binds {name}", f"tf.{names[0]}")
            )
        return None

    def chain(self, node: ast.Attribute, is_called: bool = False) -> Value:
        """Returns what `a.b.c` stands for, and adds the use that it is."""
        behaviour_rules.attribute(self.add_behaviour, node)
        if not is_called:
            self.parameters.handed_on.add(node.attr)
        names = [node.attr]
        base: ast.expr = node.value
        lowest = node
        while isinstance(base, ast.Attribute):
            names.append(base.attr)
            lowest, base = base, base.value
        names.reverse()
        if isinstance(base, ast.Name):
            if self.is_self(base):
                return self.self_chain(node, lowest, names[1:], is_called)
            found, value = self.look_up(base.id)
            if not found:
                return self.unbound(node, base.id, names)
            return self.follow(node, value, names, is_called, base.id)
        return self.follow(node, self.visit(base), names, is_called, short_text(base))

    def self_chain(
        self, node: ast.Attribute, lowest: ast.Attribute, names: list[str], is_called: bool
    ) -> Value:
        """Returns what `self.a.b` stands for; waits where no method has bound `a` yet."""
        attributes = self.selves[-1]
        assert attributes is not None
        if lowest.attr not in attributes.bound:
            if names:
                attributes.waiting.append(WaitingUse(lowest, names, is_called))
            return None
        value = attributes.bound[lowest.attr]
        if not names:
            if isinstance(value, str) and value != "tf":
                self.add_use(node, value, f"{self.self_names[-1]}.{lowest.attr}", "name")
            return value
        return self.follow(node, value, names, is_called, f"{self.self_names[-1]}.{lowest.attr}")

    def follow(
        self, node: ast.AST, value: Value, names: list[str], is_called: bool, base: str
    ) -> Value:
        """Follows attributes from a value, and adds the use that they are."""
        written = ".".join([base, *names])
        if isinstance(value, Instance):
            return self.follow_object(node, value, names, written)
        if value is None:
            found = suspect(names, base, is_called)
            if found is not None:
                self.facts.unresolved.append(
                    Unresolved(place_of(node), written, f"the class of {base} is not plain", found)
                )
            return None
        for name in names:
            value = attribute(value, name)
        if isinstance(value, (str, Reference)):
            self.add_use(node, value, written, "name")
        elif isinstance(value, Several):
            self.several(node, value, written)
        elif isinstance(value, Instance):
            self.add_use(node, value.of, written, "name")
        return value

    def follow_object(
        self, node: ast.AST, value: Instance, names: list[str], written: str
    ) -> Value:
        """Follows attributes of an object, of which the last is the use."""
        current: Value = value
        for index, name in enumerate(names):
            if not isinstance(current, Instance):
                return None
            symbol = method(current, name)
            if symbol is None:
                return OTHER
            is_last = index == len(names) - 1
            after = held(symbol)
            if is_last or after == symbol:
                self.add_use(node, symbol, written, "method")
                return after if is_last else None
            current = after
        return current

    def several(self, node: ast.AST, value: Several, written: str) -> None:
        """Adds what may be one of several symbols to what is unresolved."""
        self.facts.unresolved.append(
            Unresolved(place_of(node), written, "one of " + ", ".join(value.paths), value.paths[0])
        )

    def value_of(self, node: ast.expr) -> Value:
        """What the function of a call stands for, without adding uses."""
        function = node.func if isinstance(node, ast.Call) else node
        names: list[str] = []
        while isinstance(function, ast.Attribute):
            names.insert(0, function.attr)
            function = function.value
        if not isinstance(function, ast.Name):
            return None
        _, value = self.look_up(function.id)
        for name in names:
            value = attribute(value, name)
        return value
