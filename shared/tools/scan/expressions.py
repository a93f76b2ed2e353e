"""Expressions that are neither names nor calls: what kind of value they give."""

from __future__ import annotations

import ast
from typing import Any

from shared.tools.scan import behaviour_rules
from shared.tools.scan.nodes import children
from shared.tools.scan.statements import Statements
from shared.tools.scan.values import OTHER, Constant, Instance, Value, merged

_OF_TENSORS = (Instance("tf.Tensor"), Instance("tf.Variable"))


class Expressions(Statements):
    """The handlers of operators, comparisons, comprehensions and the like."""

    def constant(self, node: ast.Constant) -> Value:
        """Returns a string as it is written."""
        return Constant(node.value) if isinstance(node.value, str) else OTHER

    def named(self, node: ast.NamedExpr) -> Value:
        """Binds the target of `a := b`."""
        value = self.visit(node.value)
        self.bind_target(node.target, value)
        return value

    def lambda_(self, node: ast.Lambda) -> Value:
        """Visits the body of a lambda."""
        names = self.branch_begin()
        self.bind_parameters(node.args)
        self.visit(node.body)
        self.scopes[-1].layers.pop()
        del names
        return None

    def comprehension(self, node: Any) -> Value:
        """Visits a comprehension as a loop."""
        self.branch_begin()
        for generator in node.generators:
            self.visit(generator.iter)
            self.bind_target(generator.target, None)
            for test in generator.ifs:
                self.visit(test)
        self.loop_depth += 1
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self.loop_depth -= 1
        self.scopes[-1].layers.pop()
        return OTHER

    def conditional(self, node: ast.IfExp) -> Value:
        """Returns one of two values."""
        self.visit(node.test)
        return merged(self.visit(node.body), self.visit(node.orelse))

    def operation(self, node: Any) -> Value:
        """Returns a tensor where an operand is one."""
        values = [self.visit(child) for child in children(node)]
        if any(value in _OF_TENSORS for value in values):
            return Instance("tf.Tensor")
        return OTHER if all(v == OTHER or isinstance(v, Constant) for v in values) else None

    def compare(self, node: ast.Compare) -> Value:
        """Looks for `==` on tensors."""
        values = [self.visit(part) for part in [node.left, *node.comparators]]
        behaviour_rules.comparison(self.add_behaviour, node, values)
        return None
