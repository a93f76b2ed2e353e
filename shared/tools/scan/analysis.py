"""Finds the uses of TensorFlow in one file, by following what its names stand for.

Statements are followed in their order, branches are merged, and the bodies of functions come after
the scope that holds them, when its names are bound. Nothing is executed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shared.tools.scan import signs
from shared.tools.scan.facts import Arguments, Facts, Sign, Unresolved, Use
from shared.tools.scan.modules import ModuleIndex
from shared.tools.scan.nodes import (
    children,
    instance_of,
    is_none,
    last_name,
    place_of,
    short_text,
    tensorflow_path,
    unpacked,
    whole_name,
)
from shared.tools.scan.suspects import suspect
from shared.tools.scan.values import (
    OTHER,
    Constant,
    Instance,
    Reference,
    Several,
    Value,
    attribute,
    held,
    merged,
    method,
    returned,
)

_BUILTINS = frozenset(dir(builtins)) | {"unicode", "xrange", "raw_input", "long", "basestring"}
_OF_TENSORS = (Instance("tf.Tensor"), Instance("tf.Variable"))
_Names = dict[str, Value]


def analyze(tree: ast.Module, facts: Facts, modules: ModuleIndex) -> None:
    """Adds to `facts` what the file uses.

    Raises:
        RecursionError: the tree is too deep.
    """
    analysis = _Analysis(facts, modules)
    analysis.module(tree)
    analysis.handlers.clear()  # they hold the analysis, and it them


class _Scope:
    """The names of a module, class or function; a branch has names of its own until it ends."""

    def __init__(self, is_class: bool = False) -> None:
        self.layers: list[_Names] = [{}]
        self.is_class = is_class
        self.later: list[Callable[[], None]] = []  # the bodies of functions
        self.globals: set[str] = set()

    def get(self, name: str) -> tuple[bool, Value]:
        for layer in reversed(self.layers):
            if name in layer:
                return True, layer[name]
        return False, None


class _Self:
    """The attributes of `self` in a class, and the uses of those that are not bound yet."""

    def __init__(self) -> None:
        self.bound: _Names = {}
        self.waiting: list[tuple[ast.Attribute, list[str], bool]] = []


class _Analysis:
    def __init__(self, facts: Facts, modules: ModuleIndex) -> None:
        self.facts = facts
        self.modules = modules
        self.scopes = [_Scope()]
        self.selves: list[_Self | None] = [None]
        self.self_names: list[str] = [""]
        self.loops = 0
        self.handlers: dict[type, Callable[[Any], Any]] = {
            ast.Import: self.import_,
            ast.ImportFrom: self.import_from,
            ast.Assign: self.assign,
            ast.AnnAssign: self.annotated,
            ast.AugAssign: self.augmented,
            ast.For: self.for_,
            ast.AsyncFor: self.for_,
            ast.While: self.while_,
            ast.If: self.if_,
            ast.Try: self.try_,
            ast.With: self.with_,
            ast.AsyncWith: self.with_,
            ast.FunctionDef: self.function,
            ast.AsyncFunctionDef: self.function,
            ast.ClassDef: self.class_,
            ast.Lambda: self.lambda_,
            ast.Global: self.global_,
            ast.Name: self.name,
            ast.Attribute: self.chain,
            ast.Call: self.call,
            ast.Compare: self.compare,
            ast.IfExp: self.conditional,
            ast.BinOp: self.operation,
            ast.UnaryOp: self.operation,
            ast.NamedExpr: self.named,
            ast.Constant: self.constant,
            ast.ListComp: self.comprehension,
            ast.SetComp: self.comprehension,
            ast.GeneratorExp: self.comprehension,
            ast.DictComp: self.comprehension,
        }

    def module(self, tree: ast.Module) -> None:
        self.block(tree.body)
        self.run_later()
        for name, value in self.scopes[0].layers[0].items():
            if isinstance(value, (str, Reference, Instance, Several)):
                self.facts.exports[name] = value

    # ---- walking ----

    def visit(self, node: ast.AST) -> Value:
        handler = self.handlers.get(type(node))
        if handler is not None:
            return handler(node)
        for child in children(node):
            self.visit(child)
        # Lists and the like are no tensors; what an index or an unpacking gives is unknown.
        return OTHER if isinstance(node, (ast.List, ast.Dict, ast.Set, ast.JoinedStr)) else None

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def run_later(self) -> None:
        """Visits the bodies of the functions of the innermost scope."""
        scope = self.scopes[-1]
        while scope.later:
            scope.later.pop(0)()

    @contextmanager
    def scope(self, scope: _Scope) -> Iterator[None]:
        self.scopes.append(scope)
        loops, self.loops = self.loops, 0
        try:
            yield
            self.run_later()
        finally:
            self.loops = loops
            self.scopes.pop()

    # ---- names ----

    def look_up(self, name: str) -> tuple[bool, Value]:
        innermost = self.scopes[-1]
        for scope in reversed(self.scopes):
            if scope.is_class and scope is not innermost:
                continue  # methods do not see the names of their class
            found, value = scope.get(name)
            if found:
                return True, value
        return False, None

    def bind(self, name: str, value: Value) -> None:
        scope = self.scopes[-1]
        if name in scope.globals:
            scope = self.scopes[0]
        scope.layers[-1][name] = value

    def bind_target(self, target: ast.AST, value: Value) -> None:
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
        return (
            self.selves[-1] is not None
            and isinstance(node, ast.Name)
            and node.id == self.self_names[-1]
        )

    # ---- imports ----

    def import_(self, node: ast.Import) -> None:
        for alias in node.names:
            path = tensorflow_path(alias.name)
            if path is not None:
                self.facts.mentions = True
                if path != "tf":
                    self.add(node, path, alias.name, "import")
                self.bind(alias.asname or "tensorflow", path if alias.asname else "tf")
                continue
            self.bind(*self.imported_module(alias))

    def imported_module(self, alias: ast.alias) -> tuple[str, Value]:
        local = self.modules.find(alias.name, self.facts.module)
        first = alias.name.partition(".")[0]
        if local is None:
            return alias.asname or first, OTHER
        self.facts.imports.add(local)
        if alias.asname:
            return alias.asname, Reference(local, "")
        package = self.modules.find(first, self.facts.module)
        # Of `import a.b`, the name `a` is bound; `a.b.x` is looked up when modules are linked.
        return first, Reference(package or local.removesuffix(alias.name[len(first) :]), "")

    def import_from(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        path = None if node.level else tensorflow_path(module)
        if module == "__future__":
            return
        for alias in node.names:
            if path is not None:
                self.facts.mentions = True
                self.from_tensorflow(node, path, alias)
            else:
                self.from_local(node, module, alias)

    def from_tensorflow(self, node: ast.ImportFrom, path: str, alias: ast.alias) -> None:
        if alias.name == "*":
            self.facts.wildcards.append(path)
            if path != "tf":
                self.add(node, path, whole_name(path), "import")
            return
        found = tensorflow_path(f"{whole_name(path)}.{alias.name}") or path
        if found != "tf":
            self.add(node, found, f"{node.module}.{alias.name}", "import")
        self.bind(alias.asname or alias.name, found)

    def from_local(self, node: ast.ImportFrom, module: str, alias: ast.alias) -> None:
        local = self.modules.find(module, self.facts.module, node.level)
        if alias.name == "*":
            if local is not None:
                self.facts.imports.add(local)
                self.facts.wildcards.append(local)
            return
        below = f"{module}.{alias.name}" if module else alias.name
        inner = self.modules.find(below, self.facts.module, node.level)
        name = alias.asname or alias.name
        if inner is not None and (inner != local):
            self.facts.imports.add(inner)
            self.bind(name, Reference(inner, ""))
        elif local is not None:
            self.facts.imports.add(local)
            self.bind(name, Reference(local, alias.name))
        else:
            self.bind(name, OTHER)

    # ---- statements ----

    def assign(self, node: ast.Assign) -> None:
        pairs = unpacked(node)
        if pairs:
            values = [self.visit(value) for _, value in pairs]
            for (target, _), value in zip(pairs, values, strict=True):
                self.bind_target(target, value)
            return
        value = self.visit(node.value)
        signs.assignment(self.sign, node, value)
        for target in node.targets:
            self.bind_target(target, value)

    def annotated(self, node: ast.AnnAssign) -> None:
        declared = self.visit(node.annotation)
        value = self.visit(node.value) if node.value is not None else None
        self.bind_target(node.target, value if value is not None else instance_of(declared))

    def augmented(self, node: ast.AugAssign) -> None:
        value = self.visit(node.value)
        before = self.visit(node.target)
        if isinstance(node.target, ast.Name):
            tensor = Instance("tf.Tensor")
            self.bind(node.target.id, tensor if tensor in (value, before) else None)

    def for_(self, node: ast.For) -> None:
        self.visit(node.iter)
        with self.loop():
            self.bind_target(node.target, None)
            self.block(node.body)
        self.block(node.orelse)

    def while_(self, node: ast.While) -> None:
        self.visit(node.test)
        with self.loop():
            self.block(node.body)
        self.block(node.orelse)

    @contextmanager
    def loop(self) -> Iterator[None]:
        self.loops += 1
        names = self.branch_begin()
        yield
        self.loops -= 1
        self.branch_end(names)

    def if_(self, node: ast.If) -> None:
        self.visit(node.test)
        self.branches([node.body, node.orelse])

    def try_(self, node: ast.Try) -> None:
        whole = [*node.body, *node.orelse]
        for handler in node.handlers:
            if handler.type is not None:
                self.visit(handler.type)
        self.branches([whole, *(handler.body for handler in node.handlers)])
        self.block(node.finalbody)

    def branches(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        """Visits branches of which one is taken; a name keeps what any of them gives it."""
        results = []
        for body in bodies:
            names = self.branch_begin()
            self.block(body)
            self.scopes[-1].layers.pop()
            results.append(names)
        bound: _Names = {}
        for name in dict.fromkeys(name for names in results for name in names):
            _, before = self.scopes[-1].get(name)
            given = [names.get(name, before) for names in results]
            value = given[0]
            for other in given[1:]:
                value = merged(value, other)
            bound[name] = value
        self.scopes[-1].layers[-1].update(bound)

    def branch_begin(self) -> _Names:
        names: _Names = {}
        self.scopes[-1].layers.append(names)
        return names

    def branch_end(self, names: _Names) -> None:
        scope = self.scopes[-1]
        scope.layers.pop()
        for name, value in names.items():
            found, before = scope.get(name)
            scope.layers[-1][name] = merged(before, value) if found else value

    def with_(self, node: ast.With) -> None:
        for item in node.items:
            value = self.visit(item.context_expr)
            signs.context(self.sign, item.context_expr, self.value_of(item.context_expr))
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, value)
        self.block(node.body)

    def global_(self, node: ast.Global) -> None:
        self.scopes[-1].globals.update(node.names)

    def function(self, node: ast.FunctionDef) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        arguments = node.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        self.bind(node.name, None)
        is_method = self.scopes[-1].is_class
        attributes = self.selves[-1]
        self_name = self.self_names[-1]
        if is_method:
            plain = [*arguments.posonlyargs, *arguments.args]
            self_name = plain[0].arg if plain else ""

        def body() -> None:
            self.selves.append(attributes)
            self.self_names.append(self_name)
            with self.scope(_Scope()):
                self.bind_parameters(arguments)
                self.block(node.body)
            self.self_names.pop()
            self.selves.pop()

        self.scopes[-1].later.append(body)

    def bind_parameters(self, arguments: ast.arguments) -> None:
        every = [
            *arguments.posonlyargs,
            *arguments.args,
            *arguments.kwonlyargs,
            *filter(None, [arguments.vararg, arguments.kwarg]),
        ]
        for argument in every:
            annotation = argument.annotation
            declared = self.visit(annotation) if annotation is not None else None
            self.bind(argument.arg, instance_of(declared))

    def class_(self, node: ast.ClassDef) -> None:
        for part in [*node.decorator_list, *node.bases, *(word.value for word in node.keywords)]:
            self.visit(part)
        attributes = _Self()
        self.selves.append(attributes)
        self.self_names.append("")
        with self.scope(_Scope(is_class=True)):
            self.block(node.body)
            attributes.bound.update(
                (name, value)
                for name, value in self.scopes[-1].layers[0].items()
                if value is not None
            )
        self.self_names.pop()
        self.selves.pop()
        for attribute_node, names, is_called in attributes.waiting:
            value = attributes.bound.get(attribute_node.attr)
            self.follow(attribute_node, value, names, is_called, ast.unparse(attribute_node))
        self.bind(node.name, None)

    # ---- expressions ----

    def constant(self, node: ast.Constant) -> Value:
        return Constant(node.value) if isinstance(node.value, str) else OTHER

    def named(self, node: ast.NamedExpr) -> Value:
        value = self.visit(node.value)
        self.bind_target(node.target, value)
        return value

    def lambda_(self, node: ast.Lambda) -> Value:
        names = self.branch_begin()
        self.bind_parameters(node.args)
        self.visit(node.body)
        self.scopes[-1].layers.pop()
        del names
        return None

    def comprehension(self, node: Any) -> Value:
        self.branch_begin()
        for generator in node.generators:
            self.visit(generator.iter)
            self.bind_target(generator.target, None)
            for test in generator.ifs:
                self.visit(test)
        self.loops += 1
        for part in ("key", "value", "elt"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        self.loops -= 1
        self.scopes[-1].layers.pop()
        return OTHER

    def conditional(self, node: ast.IfExp) -> Value:
        self.visit(node.test)
        return merged(self.visit(node.body), self.visit(node.orelse))

    def operation(self, node: Any) -> Value:
        values = [self.visit(child) for child in children(node)]
        if any(value in _OF_TENSORS for value in values):
            return Instance("tf.Tensor")
        return OTHER if all(v == OTHER or isinstance(v, Constant) for v in values) else None

    def compare(self, node: ast.Compare) -> Value:
        values = [self.visit(part) for part in [node.left, *node.comparators]]
        signs.comparison(self.sign, node, values)
        return None

    def name(self, node: ast.Name) -> Value:
        found, value = self.look_up(node.id)
        if not found:
            value = self.unbound(node, node.id, [])
        elif (isinstance(value, str) and value != "tf") or (
            isinstance(value, Reference) and value.name
        ):
            self.add(node, value, node.id, "name")
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
            self.add(node, reference, written, "wildcard")
            return reference
        if name in ("tf", "slim") and names:
            self.facts.unresolved.append(
                Unresolved(place_of(node), written, f"no import binds {name}", f"tf.{names[0]}")
            )
        return None

    def chain(self, node: ast.Attribute, is_called: bool = False) -> Value:
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
        attributes = self.selves[-1]
        assert attributes is not None
        if lowest.attr not in attributes.bound:
            if names:
                attributes.waiting.append((lowest, names, is_called))
            return None
        value = attributes.bound[lowest.attr]
        if not names:
            if isinstance(value, str) and value != "tf":
                self.add(node, value, f"{self.self_names[-1]}.{lowest.attr}", "name")
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
            self.add(node, value, written, "name")
        elif isinstance(value, Several):
            self.several(node, value, written)
        elif isinstance(value, Instance):
            self.add(node, value.of, written, "name")
        return value

    def follow_object(
        self, node: ast.AST, value: Instance, names: list[str], written: str
    ) -> Value:
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
                self.add(node, symbol, written, "method")
                return after if is_last else None
            current = after
        return current

    def several(self, node: ast.AST, value: Several, written: str) -> None:
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

    def call(self, node: ast.Call) -> Value:
        function = node.func
        special = self.special_call(node)
        if special is not None:
            return special
        before = len(self.facts.uses)
        if isinstance(function, ast.Attribute):
            value = self.chain(function, is_called=True)
        else:
            value = self.visit(function)
        if len(self.facts.uses) > before:
            self.add_arguments(node)
        for argument in node.args:
            given = self.visit(argument)
            if given == "tf" and isinstance(argument, ast.Name):
                self.facts.unresolved.append(
                    Unresolved(place_of(argument), argument.id, "TensorFlow itself is passed on")
                )
        for word in node.keywords:
            self.visit(word.value)
            if word.arg == "updates_collections" and is_none(word.value):
                self.facts.updates_in_place = True
        signs.call(self.sign, node, value, self.loops)
        is_partial = (
            isinstance(function, (ast.Name, ast.Attribute)) and last_name(function) == "partial"
        )
        if is_partial and node.args and isinstance(node.args[0], (ast.Name, ast.Attribute)):
            return self.value_of(node.args[0])
        return returned(value)

    def special_call(self, node: ast.Call) -> Value:
        """`getattr`, `import_module` and `__import__`; None where it is none of them."""
        name = last_name(node.func)
        if name == "getattr" and len(node.args) >= 2:
            return self.getattr_call(node)
        if name in ("import_module", "__import__") and node.args:
            text = self.visit(node.args[0])
            path = tensorflow_path(text.text) if isinstance(text, Constant) else None
            if path is not None and path != "tf":
                self.add(node, path, ast.unparse(node), "import")
            if path is not None and name == "__import__":
                return "tf"
            return path
        return None

    def getattr_call(self, node: ast.Call) -> Value:
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
            self.add(node, found, written, "getattr")
        return found

    # ---- what is found ----

    def add(self, node: ast.AST, value: Value, written: str, form: str) -> None:
        self.facts.uses.append(Use(place_of(node), value, written, form))

    def add_arguments(self, node: ast.Call) -> None:
        """Adds to the use that a call is, the newest, what the call gives it."""
        use = self.facts.uses[-1]
        words = [word.arg for word in node.keywords]
        starred = any(isinstance(each, ast.Starred) for each in node.args)
        # Of `tf.a(x).b(y)`, where b is no use, the newest is a, which has its arguments already.
        is_inner = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call)
        if use.place == place_of(node.func) and not (starred or None in words or is_inner):
            use.arguments = Arguments(len(node.args), tuple(filter(None, words)))

    def sign(self, node: ast.AST, behaviour: str, written: str) -> None:
        self.facts.signs.append(Sign(place_of(node), behaviour, written))
