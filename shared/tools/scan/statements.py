"""Statements: assignments, loops and branches, functions and classes."""

from __future__ import annotations

import ast

from shared.tools.scan import behaviour_rules
from shared.tools.scan.chains import Chains
from shared.tools.scan.nodes import instance_of, unpacked
from shared.tools.scan.scopes import Scope, SelfAttributes
from shared.tools.scan.values import Instance


class Statements(Chains):
    """The handlers of statements but for imports."""

    def assign(self, node: ast.Assign) -> None:
        """Binds the targets of an assignment."""
        pairs = unpacked(node)
        if pairs:
            values = [self.visit(value) for _, value in pairs]
            for (target, _), value in zip(pairs, values, strict=True):
                self.bind_target(target, value)
            return
        value = self.visit(node.value)
        behaviour_rules.assignment(self.add_behaviour, node, value)
        for target in node.targets:
            self.bind_target(target, value)

    def annotated(self, node: ast.AnnAssign) -> None:
        """Binds a target to its value, or to an object of the class that it is declared of."""
        declared = self.visit(node.annotation)
        value = self.visit(node.value) if node.value is not None else None
        self.bind_target(node.target, value if value is not None else instance_of(declared))

    def augmented(self, node: ast.AugAssign) -> None:
        """Binds `a` of `a += b`, which is a tensor where either is one."""
        value = self.visit(node.value)
        before = self.visit(node.target)
        if isinstance(node.target, ast.Name):
            tensor = Instance("tf.Tensor")
            self.bind(node.target.id, tensor if tensor in (value, before) else None)

    def for_(self, node: ast.For) -> None:
        """Visits a loop over values that are unknown."""
        self.visit(node.iter)
        with self.loop():
            self.bind_target(node.target, None)
            self.block(node.body)
        self.block(node.orelse)

    def while_(self, node: ast.While) -> None:
        """Visits a loop."""
        self.visit(node.test)
        with self.loop():
            self.block(node.body)
        self.block(node.orelse)

    def if_(self, node: ast.If) -> None:
        """Visits both branches."""
        self.visit(node.test)
        self.branches([node.body, node.orelse])

    def try_(self, node: ast.Try) -> None:
        """Visits the body and each handler as branches."""
        whole = [*node.body, *node.orelse]
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
        self.branches([whole, *(handler.body for handler in node.handlers)])
        self.block(node.finalbody)

    def with_(self, node: ast.With) -> None:
        """Binds what a context gives, and visits its body."""
        for item in node.items:
            value = self.visit(item.context_expr)
            entered = self.value_of(item.context_expr)
            behaviour_rules.context(self.add_behaviour, item.context_expr, entered)
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, value)
        self.block(node.body)

    def global_(self, node: ast.Global) -> None:
        """Notes names that belong to the module."""
        self.scopes[-1].globals.update(node.names)

    def function(self, node: ast.FunctionDef) -> None:
        """Visits what a definition evaluates; its body comes with the end of the scope."""
        for decorator in node.decorator_list:
            self.visit(decorator)
        arguments = node.args
        plain = [*arguments.posonlyargs, *arguments.args]
        with_default = [*plain[len(plain) - len(arguments.defaults) :], *arguments.kwonlyargs]
        for argument, default in zip(
            with_default, [*arguments.defaults, *arguments.kw_defaults], strict=True
        ):
            if default is not None:
                self.parameters.defaults[node, argument.arg] = self.visit(default)
        self.bind_function(node)
        is_method = self.scopes[-1].is_class
        self.parameters.define(node, is_method)
        attributes = self.selves[-1]
        self_name = self.self_names[-1]
        if is_method:
            self_name = plain[0].arg if plain else ""

        def body() -> None:
            self.selves.append(attributes)
            self.self_names.append(self_name)
            with self.scope(Scope()):
                self.bind_parameters(arguments, node)
                self.block(node.body)
            self.self_names.pop()
            self.selves.pop()

        self.scopes[-1].later.append(body)

    def bind_parameters(self, arguments: ast.arguments, function: ast.AST | None = None) -> None:
        """Binds parameters: objects of their declared class, or of that which all calls give."""
        every = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, [arguments.vararg, arguments.kwarg]),
        ]
        for argument in every:
            annotation = argument.annotation
            declared = self.visit(annotation) if annotation is not None else None
            given = self.parameters.known.get((function, argument.arg)) if function else None
            self.bind(argument.arg, instance_of(declared) or given)

    def class_(self, node: ast.ClassDef) -> None:
        """Visits a class, and then the uses of attributes that a later method binds."""
        for part in [*node.decorator_list, *node.bases, *(word.value for word in node.keywords)]:
            self.visit(part)
        attributes = SelfAttributes()
        self.selves.append(attributes)
        self.self_names.append("")
        with self.scope(Scope(is_class=True)):
            self.block(node.body)
            attributes.bound.update(
                (name, value)
                for name, value in self.scopes[-1].layers[0].items()
                if value is not None
            )
        self.self_names.pop()
        self.selves.pop()
        for use in attributes.waiting:
            value = attributes.bound.get(use.node.attr)
            self.follow(use.node, value, use.names, use.is_called, ast.unparse(use.node))
        self.bind_function(node)
        self.parameters.define_class(node)
