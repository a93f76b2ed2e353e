"""The page of tests: the source of each test that an explanation names."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from pair_pages.markdown_text import code
from pair_pages.side_by_side import explanations
from shared.tools.child_process import ROOT


def markdown() -> str:
    """Returns a section for each test."""
    texts = explanations.load().values()
    named = sorted({test for text in texts for each in text.explanations for test in each.tests})
    return "\n".join(map(_section, named))


def label(test: str) -> str:
    """Returns the label of a test's section, from its name as pytest writes it."""
    return "test-" + name(test).replace("_", "-")


def name(test: str) -> str:
    """Returns the name of a test's function."""
    return test.partition("::")[2]


def source_of(test: str) -> str:
    """Returns the source of a test.

    Args:
        test: as pytest names it: tests/test_x.py::test_y.

    Raises:
        ExplanationError: there is no such test.
    """
    file = test.partition("::")[0]
    functions = _functions(ROOT / file) if (ROOT / file).is_file() else {}
    if name(test) not in functions:
        raise explanations.ExplanationError(f"{test}: expected a test, found none")
    return functions[name(test)]


def _section(test: str) -> str:
    words = name(test).removeprefix("test_").replace("_", " ")
    return f"({label(test)})=\n## {words.capitalize()}\n\n`{test}`\n\n{code(source_of(test))}"


@cache
def _functions(file: Path) -> dict[str, str]:
    source = file.read_text(encoding="utf-8")
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            found[node.name] = "\n".join(lines[first - 1 : node.end_lineno])
    return found
