"""Which TensorFlow symbols a source file uses, found by parsing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_ROOTS = ("tensorflow", "tensorflow.compat.v1")


def canonical(name: str) -> str:
    """The name of a symbol as TensorFlow 1 had it, without `tf.`: "train.Saver".

    `tf.compat.v1.train.Saver`, `tensorflow.train.Saver` and `train.Saver` are all the same symbol.
    """
    for prefix in ("tensorflow.", "tf.", "compat.v1.", "v1."):
        name = name.removeprefix(prefix)
    return name


def symbols_used(source: str) -> Iterator[tuple[int, str]]:
    """Yields each use of a TensorFlow symbol as its line, from 1, and its canonical name.

    A use is a whole attribute chain that starts at a name under which the file imports TensorFlow
    or a part of it: `tf.train.Saver` under `import tensorflow.compat.v1 as tf`, or `slim.conv2d`
    under `from tensorflow.contrib import slim`.

    Raises:
        SyntaxError: `source` is not Python 3.
    """
    tree = ast.parse(source)
    names = dict(_imported(tree))
    for node in _outermost_chains(tree):
        first, *rest = _parts(node)
        if first in names and (rest or names[first]):
            yield node.lineno, canonical(".".join(filter(None, [names[first], *rest])))


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields each local name that stands for a part of TensorFlow, and which ("" for the whole)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in _ROOTS and alias.asname:
                    yield alias.asname, ""
                elif alias.name.startswith("tensorflow.contrib") and alias.asname:
                    yield alias.asname, canonical(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in _ROOTS:
                    yield alias.asname or alias.name, ""
                elif node.module in _ROOTS or node.module.startswith("tensorflow.contrib"):
                    yield alias.asname or alias.name, canonical(whole)


def _outermost_chains(tree: ast.AST) -> Iterator[ast.Attribute | ast.Name]:
    open_nodes = [tree]
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, (ast.Attribute, ast.Name)) and _parts(node):
            yield node
        else:
            open_nodes.extend(ast.iter_child_nodes(node))


def _parts(node: ast.AST) -> list[str]:
    """The names of a chain `a.b.c`; none when it starts at something else, such as a call."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *reversed(names)] if isinstance(node, ast.Name) else []
