"""Small questions about nodes of `ast`, and about names of modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from shared.tools.scan.facts import Place
from shared.tools.scan.values import Instance, Value

_ROOTS = ("tensorflow.compat.v1", "tensorflow")


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node, without operators and contexts, which hold nothing."""
    for name in node._fields:
        value = getattr(node, name, None)
        if type(value) is list:
            for item in value:
                if isinstance(item, ast.AST):
                    yield item
        elif isinstance(value, ast.AST) and not isinstance(value, _EMPTY):
            yield value


_EMPTY = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop)


def tensorflow_path(module: str) -> str | None:
    """The path of a module of TensorFlow: "tf.contrib.slim" of "tensorflow.contrib.slim"."""
    for root in _ROOTS:
        if module == root:
            return "tf"
        if module.startswith(root + "."):
            return "tf" + module[len(root) :]
    return None


def whole_name(path: str) -> str:
    """The module of a path: "tensorflow.contrib.slim" of "tf.contrib.slim"."""
    return "tensorflow" + path[2:]


def unpacked(node: ast.Assign) -> list[tuple[ast.expr, ast.expr]]:
    """The parts of `a, b = x, y`; none for another assignment."""
    target, value = node.targets[0], node.value
    kinds = (ast.Tuple, ast.List)
    if len(node.targets) != 1 or not (isinstance(target, kinds) and isinstance(value, kinds)):
        return []
    if len(target.elts) != len(value.elts):
        return []
    return list(zip(target.elts, value.elts, strict=True))


def instance_of(declared: Value) -> Value:
    """An object of the class that an annotation names; None where it names none of TensorFlow."""
    return Instance(declared) if isinstance(declared, str) and declared != "tf" else None


def is_none(node: ast.expr) -> bool:
    """Whether an expression is the word None."""
    return isinstance(node, ast.Constant) and node.value is None


def last_name(node: ast.expr) -> str:
    """The name of a name, or the last of attributes; empty for anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def short_text(node: ast.AST) -> str:
    """The code of an expression, in 40 characters at most."""
    if isinstance(node, ast.Call):
        return (
            f"{short_text(node.func)}(…)"
            if last_name(node.func) != "getattr"
            else _getattr_text(node)
        )
    try:
        text = ast.unparse(node)
    except (AttributeError, ValueError):  # a node that tree-sitter's damage left incomplete
        return "…"
    return text if len(text) <= 40 else text[:39] + "…"


def _getattr_text(node: ast.Call) -> str:
    parts = ", ".join(short_text(argument) for argument in node.args[:2])
    return f"getattr({parts})"


def place_of(node: Any) -> Place:
    """Where a node begins; the column in bytes, as `ast` counts it, from 1."""
    return Place(node.lineno, node.col_offset + 1)
