"""The names of one file, scope by scope: what each stands for where it is used."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from shared.tools.scan.facts import Arguments, Facts, FoundBehaviour, Use
from shared.tools.scan.modules import ModuleIndex
from shared.tools.scan.nodes import children, place_of
from shared.tools.scan.parameters import Function, Parameters
from shared.tools.scan.values import OTHER, Value, merged

Names = dict[str, Value]


class Scope:
    """The names of a module, class or function; a branch has names of its own until it ends."""

    def __init__(self, is_class: bool = False) -> None:
        self.layers: list[Names] = [{}]  # names bound in each open branch, the innermost last
        self.is_class = is_class
        # Calls that visit the bodies of functions, once the scope is complete.
        self.later: list[Callable[[], None]] = []
        self.globals: set[str] = set()
        self.functions: dict[str, Function | ast.ClassDef | None] = {}  # None: several of a name

    def get(self, name: str) -> tuple[bool, Value]:
        """Returns whether the scope binds a name, and what it stands for."""
        for layer in reversed(self.layers):
            if name in layer:
                return True, layer[name]
        return False, None


class WaitingUse(NamedTuple):
    """A use of `self.a.b`, found before any method binds `self.a`.

    Attributes:
        node: `self.a`.
        names: those after it, here "b".
        is_called: whether the whole is called.
    """

    node: ast.Attribute
    names: list[str]
    is_called: bool


class SelfAttributes:
    """The attributes of `self` in a class, and the uses of those that are not bound yet."""

    def __init__(self) -> None:
        self.bound: Names = {}
        self.waiting: list[WaitingUse] = []


class Walker:
    """Base class of the file analysis: visits nodes, and keeps what names stand for.

    `analysis.py` fills `handlers`, the method by the type of node.
    """

    def __init__(self, facts: Facts, modules: ModuleIndex, parameters: Parameters) -> None:
        """Begins at the top of a module; what is found is added to `facts`."""
        self.parameters = parameters
        self.facts = facts
        self.modules = modules
        self.scopes = [Scope()]
        self.selves: list[SelfAttributes | None] = [None]  # of each open class and method
        self.self_names: list[str] = [""]  # what each of them calls `self`
        self.loop_depth = 0
        self.callee: ast.AST | None = None  # the name that is called, while it is visited
        self.handlers: dict[type, Callable[[Any], Any]] = {}

    # ---- walking ----

    def visit(self, node: ast.AST) -> Value:
        """Returns what a node stands for, after its handler has looked at it."""
        handler = self.handlers.get(type(node))
        if handler is not None:
            return handler(node)
        for child in children(node):
            self.visit(child)
        # Lists and the like are no tensors; what an index or an unpacking gives is unknown.
        return OTHER if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.JoinedStr)) else None

    def block(self, statements: Sequence[ast.stmt]) -> None:
        """Visits statements in their order."""
        for statement in statements:
            self.visit(statement)

    def run_later(self) -> None:
        """Visits the bodies of the functions of the innermost scope."""
        scope = self.scopes[-1]
        while scope.later:
            scope.later.pop(0)()

    @contextmanager
    def scope(self, scope: Scope) -> Iterator[None]:
        """Enters a scope; on the way out visits the functions that it holds."""
        self.scopes.append(scope)
        around, self.loop_depth = self.loop_depth, 0
        try:
            yield
            self.run_later()
        finally:
            self.loop_depth = around
            self.scopes.pop()

    # ---- names ----

    def look_up(self, name: str) -> tuple[bool, Value]:
        """Returns whether any open scope binds a name, and what it stands for."""
        innermost = self.scopes[-1]
        for scope in reversed(self.scopes):
            if scope.is_class and scope is not innermost:
                continue  # methods do not see the names of their class
            found, value = scope.get(name)
            if found:
                return True, value
        return False, None

    def bind(self, name: str, value: Value) -> None:
        """Lets a name stand for a value from here on."""
        scope = self.scopes[-1]
        if name in scope.globals:
            scope = self.scopes[0]
        scope.layers[-1][name] = value
        scope.functions.pop(name, None)

    def bind_function(self, node: Function | ast.ClassDef) -> None:
        """Lets a name stand for a function or class of this module."""
        functions = self.scopes[-1].functions
        is_second = node.name in functions
        self.bind(node.name, None)
        functions[node.name] = None if is_second else node

    def function_of(self, name: str) -> Function | ast.ClassDef | None:
        """Returns the function or class of this module that a name stands for; None if unknown."""
        innermost = self.scopes[-1]
        for scope in reversed(self.scopes):
            if scope.is_class and scope is not innermost:
                continue
            if scope.get(name)[0]:
                return scope.functions.get(name)
        return None

    def bind_target(self, target: ast.AST, value: Value) -> None:
        """Binds the names on the left of an assignment."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self.bind_target(part, None)
        elif isinstance(target, ast.Starred):
            self.bind_target(target.value, None)
        elif isinstance(target, ast.Attribute) and self.is_self(target.value):
            attributes = self.selves[-1]
            assert attributes is not None
            before = attributes.bound.get(target.attr)
            attributes.bound[target.attr] = merged(before, value)
        else:
            self.visit(target)

    def is_self(self, node: ast.AST) -> bool:
        """Whether a node is the first parameter of the method that is visited."""
        return (
            self.selves[-1] is not None
            and isinstance(node, ast.Name)
            and node.id == self.self_names[-1]
        )

    # ---- branches ----

    def branches(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        """Visits branches of which one is taken; a name keeps what any of them gives it."""
        results = []
        for body in bodies:
            names = self.branch_begin()
            self.block(body)
            self.scopes[-1].layers.pop()
            results.append(names)
        bound: Names = {}
        for name in dict.fromkeys(name for names in results for name in names):
            _, before = self.scopes[-1].get(name)
            given = [names.get(name, before) for names in results]
            value = given[0]
            for other in given[1:]:
                value = merged(value, other)
            bound[name] = value
        self.scopes[-1].layers[-1].update(bound)

    def branch_begin(self) -> Names:
        """Opens a branch and returns its names, which are filled as it is visited."""
        names: Names = {}
        self.scopes[-1].layers.append(names)
        return names

    def branch_end(self, names: Names) -> None:
        """Closes a branch that may not be taken: its names are merged into the scope."""
        scope = self.scopes[-1]
        scope.layers.pop()
        for name, value in names.items():
            found, before = scope.get(name)
            scope.layers[-1][name] = merged(before, value) if found else value

    @contextmanager
    def loop(self) -> Iterator[None]:
        """Visits a loop's body as a branch."""
        self.loop_depth += 1
        names = self.branch_begin()
        yield
        self.loop_depth -= 1
        self.branch_end(names)

    # ---- what is found ----

    def add_use(self, node: ast.AST, value: Value, written: str, form: str) -> None:
        """Records a use of a symbol."""
        self.facts.uses.append(Use(place_of(node), value, written, form))

    def add_arguments(self, node: ast.Call) -> None:
        """Records the arguments of a call in the use just added, if it is the called function."""
        use = self.facts.uses[-1]
        words = [word.arg for word in node.keywords]
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        # In `tf.a(x).b(y)`, where b is no use, the last one is a, which has its arguments already.
        is_inner = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)
        if use.place == place_of(node.func) and not (starred or None in words or is_inner):
            use.arguments = Arguments(len(node.args), tuple(filter(None, words)))

    def add_behaviour(self, node: ast.AST, behaviour: str, written: str) -> None:
        """Records a place that shows a behaviour."""
        self.facts.behaviours.append(FoundBehaviour(place_of(node), behaviour, written))
