"""The aligned rows of a pair as HTML tables, two lines of code beside each other in each row."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator, Sequence

from pair_pages.side_by_side.code_lines import Token, to_html, tokens_by_line
from pair_pages.side_by_side.hunks import Hunk, Stretch
from shared.tools.alignment import STAGE, Line, Row, changed_spans

SIDES = ("tf1", "tf2")
_FOLDED = 5  # a common stretch of more lines is folded away
_MOSTLY_CHANGED = 0.6  # of a line's characters
TITLES = ("TensorFlow 1", "TensorFlow 2")


class CodeTables:
    """The tables of one pair, made part by part."""

    def __init__(
        self, left: str, right: str, titles: tuple[str, str] = TITLES, anchors: str = ""
    ) -> None:
        """Takes the two texts and what they are called.

        Args:
            left: the text of the left side.
            right: the text of the right side.
            titles: what the sides are called.
            anchors: what the anchors of lines begin with, where a page has several pairs of texts.
        """
        self._titles, self._anchors = titles, anchors
        self._tokens: tuple[list[list[Token]], ...] = (tokens_by_line(left), tokens_by_line(right))

    def hunk(self, hunk: Hunk, label: str) -> str:
        """Returns the table of a hunk; runs of differing rows are bodies of their own.

        On a narrow screen each body shows its left lines, then its right ones.
        """
        groups = itertools.groupby(hunk.rows, lambda row: row.common)
        bodies = [self._body(list(rows), "common" if same else "differs") for same, rows in groups]
        return self._table("".join(bodies), label)

    def stretch(self, stretch: Stretch, names: Sequence[str]) -> str:
        """Returns the table of common lines, inside a `<details>` when it is long.

        Args:
            stretch: the common lines.
            names: of the definitions in it, for the summary.
        """
        count = sum(bool(row.left or row.right) for row in stretch.rows)
        table = self._table(self._body(stretch.rows, "common"), "common lines")
        if count <= _FOLDED:
            return table
        of = f" <span>{html.escape(', '.join(names))}</span>" if names else ""
        return f"<details><summary>{count} common lines{of}</summary>{table}</details>"

    def _body(self, rows: Sequence[Row], css_class: str) -> str:
        lines = "".join(
            "<tr>"
            + "".join(self._cells(0, row.left, row.right))
            + "".join(self._cells(1, row.right, row.left))
            + "</tr>"
            for row in rows
        )
        left, right = map(html.escape, self._titles)
        names = f' data-left="{left}" data-right="{right}"'
        return f'<tbody class="{css_class}"{names}>{lines}</tbody>'

    def _cells(self, side: int, line: Line | None, other: Line | None) -> Iterator[str]:
        name = SIDES[side]
        if line is None:
            yield f'<td class="number {name} pad"></td><td class="code {name} pad"></td>'
            return
        marks = _marks(line.text, other.text) if other else []
        code = to_html(self._tokens[side][line.number - 1], marks)
        changed = " changed" if not other or other.text != line.text else ""
        anchor = f"{self._anchors}{name}-L{line.number}"
        yield (
            f'<td class="number {name}{changed}" id="{anchor}">'
            f'<a href="#{anchor}" aria-label="{name.upper()} line {line.number}">{line.number}</a>'
            "</td>"
        )
        label = " label" if STAGE.match(line.text) else ""
        indent = len(line.text) - len(line.text.lstrip())
        style = f' style="--indent:{indent}"' if indent else ""
        yield f'<td class="code {name}{changed}{label}"{style}><code>{code}</code></td>'

    def _table(self, bodies: str, label: str) -> str:
        columns = '<col class="number"><col class="code"><col class="number"><col class="code">'
        headers = "".join(
            f'<th scope="col">Line</th><th scope="col">{html.escape(title)}</th>'
            for title in self._titles
        )
        return (
            '<div class="highlight"><table class="side-by-side" '
            f'aria-label="{html.escape(label)}"><colgroup>{columns}</colgroup>'
            f"<thead><tr>{headers}</tr></thead>{bodies}</table></div>"
        )


def _marks(text: str, other: str) -> list[tuple[int, int]]:
    """The changed words; none where so much is changed that marks would hide the text."""
    indent = len(text) - len(text.lstrip())
    spans = [(max(a, indent), b) for a, b in changed_spans(text, other) if text[a:b].strip()]
    changed = sum(end - start for start, end in spans)
    return spans if changed <= _MOSTLY_CHANGED * len(text.strip()) else []
