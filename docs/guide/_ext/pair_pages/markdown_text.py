"""Plain text and code as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\*_{}\[\]<>|#$~])")
_CODE = re.compile(r"(`[^`]*`)")


def escaped(text: str) -> str:
    """Returns text such that Markdown shows it as it is, but for code in backticks."""
    parts = _CODE.split(text)
    return "".join(part if _CODE.fullmatch(part) else _SPECIAL.sub(r"\\\1", part) for part in parts)


def code(text: str, language: str = "python") -> str:
    """Returns a block of code."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], css_class: str = "readings") -> str:
    """Returns a table of measured values, of cells that are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f":::{{table}}\n:class: {css_class}\n\n{body}\n:::\n"
