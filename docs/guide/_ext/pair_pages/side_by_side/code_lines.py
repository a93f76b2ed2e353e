"""Source code as HTML, line by line: highlighted by Pygments, changed words marked."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator, Sequence

from pygments.lexers import PythonLexer
from pygments.token import STANDARD_TYPES, _TokenType

Token = tuple[str, str]  # the CSS class of Pygments, and the text


def tokens_by_line(source: str) -> list[list[Token]]:
    """Returns the tokens of each line of Python code; one of several lines is cut at their ends."""
    lines: list[list[Token]] = [[]]
    for kind, text in PythonLexer(stripnl=False, ensurenl=False).get_tokens(source):
        first, *others = text.split("\n")
        lines[-1].append((_css_class(kind), first))
        lines.extend([(_css_class(kind), part)] for part in others)
    return lines


def to_html(tokens: Sequence[Token], marks: Sequence[tuple[int, int]] = ()) -> str:
    """Returns a line as HTML.

    Args:
        tokens: of the line.
        marks: (start, end) columns that get a `<mark>`, in order and without overlap.
    """
    pieces = []
    for is_marked, css_class, text in _cut(tokens, marks):
        piece = html.escape(text, quote=False)
        piece = f'<span class="{css_class}">{piece}</span>' if css_class else piece
        pieces.append(f"<mark>{piece}</mark>" if is_marked else piece)
    return "".join(pieces).replace("</mark><mark>", "")


def _cut(
    tokens: Sequence[Token], marks: Sequence[tuple[int, int]]
) -> Iterator[tuple[bool, str, str]]:
    column = 0
    edges = sorted(edge for mark in marks for edge in mark)
    for css_class, text in tokens:
        end = column + len(text)
        cuts = [column, *(edge for edge in edges if column < edge < end), end]
        for start, stop in itertools.pairwise(cuts):
            is_marked = any(low <= start < high for low, high in marks)
            if stop > start:
                yield is_marked, css_class, text[start - column : stop - column]
        column = end


def _css_class(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    return STANDARD_TYPES.get(kind, "")
