"""Calls: what they use, what they give, and `getattr` and imports that are written as calls."""

from __future__ import annotations

import ast

from shared.tools.scan import behaviour_rules
from shared.tools.scan.chains import Chains
from shared.tools.scan.facts import Unresolved
from shared.tools.scan.nodes import is_none, last_name, place_of, short_text, tensorflow_path
from shared.tools.scan.parameters import Function, Given, given_by, is_other
from shared.tools.scan.values import (
    OTHER,
    Constant,
    Instance,
    Value,
    attribute,
    method,
    returned,
)


class Calls(Chains):
    """The handler of calls."""

    def call(self, node: ast.Call) -> Value:
        """Returns what a call gives, and adds the use that it is with its arguments."""
        function = node.func
        special = self.special_call(node)
        if special is not None:
            return special
        before = len(self.facts.uses)
        if isinstance(function, ast.Attribute):
            value = self.chain(function, is_called=True)
        else:
            self.callee = function
            value = self.visit(function)
        if len(self.facts.uses) > before:
            self.add_arguments(node)
        values = []
        for argument in node.args:
            given = self.visit(argument)
            values.append(given)
            if given == "tf" and isinstance(argument, ast.Name):
                self.facts.unresolved.append(
                    Unresolved(place_of(argument), argument.id, "TensorFlow itself is passed on")
                )
        words: dict[str | None, Value] = {}
        for word in node.keywords:
            words[word.arg] = self.visit(word.value)
            if word.arg == "updates_collections" and is_none(word.value):
                self.facts.updates_in_place = True
        if not is_other(value):
            self.give(function, given_by(node, values, words))
        behaviour_rules.call(self.add_behaviour, node, value, self.loop_depth)
        is_partial = (
            isinstance(function, (ast.Name, ast.Attribute)) and last_name(function) == "partial"
        )
        if is_partial and node.args and isinstance(node.args[0], (ast.Name, ast.Attribute)):
            return self.value_of(node.args[0])
        return returned(value)

    def give(self, function: ast.expr, given: Given) -> None:
        """Notes what a call gives a function, method or class of this module."""
        if isinstance(function, ast.Name):
            found = self.function_of(function.id)
            if isinstance(found, Function):
                self.parameters.calls[found].append(given)
            elif isinstance(found, ast.ClassDef):
                self.parameters.construct(found, given)
        elif isinstance(function, ast.Attribute):
            named = function.value.id if isinstance(function.value, ast.Name) else ""
            if isinstance(self.function_of(named), ast.ClassDef) and given.positional:
                given = Given(given.positional[1:], given.named)  # Base.method(self, ...)
            self.parameters.by_attribute[function.attr].append(given)

    def special_call(self, node: ast.Call) -> Value:
        """`getattr`, `import_module` and `__import__`; None where it is none of them."""
        name = last_name(node.func)
        if name == "getattr" and len(node.args) >= 2:
            return self.getattr_call(node)
        if name in ("import_module", "__import__") and node.args:
            text = self.visit(node.args[0])
            path = tensorflow_path(text.text) if isinstance(text, Constant) else None
            if path is not None and path != "tf":
                self.add_use(node, path, ast.unparse(node), "import")
            if path is not None and name == "__import__":
                return "tf"
            return path
        return None

    def getattr_call(self, node: ast.Call) -> Value:
        """Returns what `getattr(a, "b")` stands for, and adds the use that it is."""
        base, wanted = node.args[:2]
        value = self.visit(base) if not isinstance(base, ast.Attribute) else self.value_of(base)
        text = self.visit(wanted)
        for argument in node.args[2:]:
            self.visit(argument)
        if not isinstance(value, (str, Instance)):
            if isinstance(base, ast.Attribute) and value is None:
                self.visit(base)
            return None
        written = short_text(node)
        if not isinstance(text, Constant):
            of = value if isinstance(value, str) else value.of
            self.facts.unresolved.append(
                Unresolved(place_of(node), written, f"the name in {of} is computed when it runs")
            )
            return OTHER
        names = text.text.split(".")
        found: Value = value
        for name in names:
            found = method(found, name) if isinstance(found, Instance) else attribute(found, name)
        if isinstance(found, str):
            self.add_use(node, found, written, "getattr")
        return found
