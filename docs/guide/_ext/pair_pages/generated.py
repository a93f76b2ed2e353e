"""Fills in what a page says is generated: `<!-- generated: NAME -->` on a line of its own."""

from __future__ import annotations

import re
from collections.abc import Callable

from pair_pages import pitfall_page, result_pages, test_page

_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)
GENERATORS: dict[str, Callable[[], str]] = {
    "pitfalls": pitfall_page.markdown,
    "parity": result_pages.parity,
    "speed": result_pages.speed,
    "pairs": result_pages.pairs,
    "concepts": result_pages.concepts,
    "tests": test_page.markdown,
}


def fill_in(text: str) -> str:
    """Returns a page's text with Markdown in place of its marks.

    Raises:
        KeyError: a mark names nothing that is generated.
        SuiteError: a measurement failed.
    """
    return _MARK.sub(lambda match: GENERATORS[match[1]](), text)
