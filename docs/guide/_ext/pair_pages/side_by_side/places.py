"""Where in a style file a line stands: its stage, and the class, method or function around it."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterator

from shared.tools.alignment import STAGE

FILE, MODEL, PROGRAM = "FILE", "MODEL", "PROGRAM"  # before, between and after the labelled stages


@dataclasses.dataclass(frozen=True)
class Place:
    """A stage, and the name of the definition in it; "" between two definitions."""

    stage: str
    name: str

    def __str__(self) -> str:
        """As it is written in messages: UPDATE/differentiate."""
        return f"{self.stage}/{self.name}"


def places(source: str) -> dict[int, Place]:
    """Returns the place of each line, by its number from 1.

    Args:
        source: the text of a style file. Its stages are the labels that
            `shared.tools.alignment.STAGE` matches. What stands before the first one is of the stage
            MODEL inside the class that has the labels, and else of FILE; what stands after that
            class is of PROGRAM.

    Raises:
        SyntaxError: the text is not Python.
    """
    tree, lines = ast.parse(source), source.splitlines()
    stages, names = _stages(tree, lines), _names(tree, lines)
    found, name = {}, ""
    for number, line in enumerate(lines, 1):
        name = "" if STAGE.match(line) else names.get(number, name)
        found[number] = Place(stages[number], name)
    return found


def _stages(tree: ast.Module, lines: list[str]) -> dict[int, str]:
    labels = {n: match[1] for n, line in enumerate(lines, 1) if (match := STAGE.match(line))}
    bodies = [
        range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    model = next((body for body in bodies if any(n in body for n in labels)), range(0))
    found, stage = {}, FILE
    for number in range(1, len(lines) + 1):
        if number == model.start:
            stage = MODEL
        elif number == model.stop and number not in labels:
            stage = PROGRAM
        stage = labels.get(number, stage)
        found[number] = stage
    return found


def _names(tree: ast.Module, lines: list[str]) -> dict[int, str]:
    """Returns the lines where a name begins; comments straight above a definition belong to it."""
    found: dict[int, str] = {}
    for first, name in _definitions(tree):
        while first > 1 and _is_comment(lines[first - 2]):
            first -= 1
        found.setdefault(first, name)
    return found


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") and not STAGE.match(line)


def _definitions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in tree.body:
        yield _first_line(node), _name(node, "module")
        if isinstance(node, ast.ClassDef):
            # The head of a class is its line, its docstring and what stands before its methods.
            for member in node.body[1:]:
                yield _first_line(member), _name(member, node.name)


def _first_line(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _name(node: ast.stmt, otherwise: str) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Import | ast.ImportFrom):
        return "imports"
    if isinstance(node, ast.Expr) and node.lineno == 1:
        return "docstring"
    return otherwise
