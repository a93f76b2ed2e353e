"""The classes of parameters, from what the calls of a module give its own functions and methods.

A parameter has a plain class where each call in the module that may reach its function gives an
object of one class of TensorFlow. A function that is handed on as a value, or decorated, may be
called from anywhere: its parameters stay unknown.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.tools.scan.values import OTHER, Instance, Value

Function = ast.FunctionDef | ast.AsyncFunctionDef
Known = Mapping[tuple[ast.AST, str], Instance]
_PLAIN_DECORATORS = ("staticmethod", "classmethod")


@dataclass(frozen=True)
class Given:
    """What one call gives: values by position and by name; None where it unpacks a sequence."""

    positional: tuple[Value, ...] | None
    named: Mapping[str, Value]


@dataclass
class Parameters:
    """What calls give parameters, collected while one file is visited.

    Attributes:
        known: classes of parameters that an earlier visit of the same file has found.
        methods: functions that stand in a class, by their name.
        classes: by name; None where a module has several of one name.
        calls: what calls give a function that they name.
        by_attribute: what calls such as `a.train(x)` give, by the attribute's name.
        escaped: functions that are used as values, or decorated.
        handed_on: names of attributes that are used as values.
        defaults: of parameters, by function and name.
    """

    known: Known = field(default_factory=dict)
    methods: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    classes: dict[str, ast.ClassDef | None] = field(default_factory=dict)
    calls: dict[Function, list[Given]] = field(default_factory=lambda: defaultdict(list))
    by_attribute: dict[str, list[Given]] = field(default_factory=lambda: defaultdict(list))
    escaped: set[Function] = field(default_factory=set)
    handed_on: set[str] = field(default_factory=set)
    defaults: dict[tuple[ast.AST, str], Value] = field(default_factory=dict)

    def define(self, node: Function, is_method: bool) -> None:
        """Notes a function."""
        plain = all(
            isinstance(d, ast.Name) and d.id in _PLAIN_DECORATORS for d in node.decorator_list
        )
        if not plain:
            self.escaped.add(node)
        if is_method:
            self.methods[node.name].append(node)

    def define_class(self, node: ast.ClassDef) -> None:
        """Notes a class."""
        self.classes[node.name] = None if node.name in self.classes else node

    def construct(self, node: ast.ClassDef, given: Given, depth: int = 0) -> None:
        """Notes that a class is called: its `__init__`, or that of the class it is derived from."""
        for statement in node.body:
            if isinstance(statement, Function) and statement.name == "__init__":
                self.calls[statement].append(given)
                return
        for base in node.bases:
            parent = self.classes.get(base.id) if isinstance(base, ast.Name) else None
            if parent is not None and parent is not node and depth < 9:
                self.construct(parent, given, depth + 1)
                return

    def plain(self) -> dict[tuple[ast.AST, str], Instance]:
        """Returns the parameters whose class all calls agree on."""
        found: dict[tuple[ast.AST, str], Instance] = {}
        of_methods = {node for nodes in self.methods.values() for node in nodes}
        for name, nodes in self.methods.items():
            for node in nodes:
                if name in self.by_attribute:
                    self.calls[node] += self.by_attribute[name]
        for node, sites in self.calls.items():
            if node in self.escaped or (node in of_methods and node.name in self.handed_on):
                continue
            for name in _names(node):
                value = self._agreed(node, name, sites, node in of_methods)
                if value is not None:
                    found[node, name] = value
        return found

    def _agreed(
        self, node: Function, name: str, sites: Sequence[Given], is_method: bool
    ) -> Instance | None:
        values = {self._given(node, name, site, is_method) for site in sites}
        first = next(iter(values)) if len(values) == 1 else None
        return first if isinstance(first, Instance) else None

    def _given(self, node: Function, name: str, site: Given, is_method: bool) -> Value:
        if site.positional is None:
            return None
        if name in site.named:
            return site.named[name]
        plain = [a.arg for a in [*node.args.posonlyargs, *node.args.args]]
        bound = is_method and not _is_static(node)
        place = plain.index(name) - bound if name in plain else -1
        if 0 <= place < len(site.positional):
            return site.positional[place]
        return self.defaults.get((node, name))


def _names(node: Function) -> list[str]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [argument.arg for argument in every]


def _is_static(node: Function) -> bool:
    return any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)


def given_by(node: ast.Call, values: Sequence[Value], words: Mapping[str | None, Value]) -> Given:
    """Returns what a call gives, from the values of its arguments."""
    if None in words or any(isinstance(argument, ast.Starred) for argument in node.args):
        return Given(None, {})
    named = {name: value for name, value in words.items() if name is not None}
    return Given(tuple(values), named)


def is_other(value: Value) -> bool:
    """Whether a function that is called is known to be none of the module's own."""
    return value == OTHER or isinstance(value, (str, Instance))
