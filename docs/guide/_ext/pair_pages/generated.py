"""Fills in what a page says is generated: `<!-- generated: NAME -->` on a line of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from pair_pages import ladder_page, own_model_page, pitfall_page, result_pages, test_page
from shared.tools.lookup.page import symbol_index_page

_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)
GENERATORS: dict[str, Callable[[], str]] = {
    "pitfalls": pitfall_page.markdown,
    "parity": result_pages.parity,
    "speed": result_pages.speed,
    "pairs": result_pages.pairs,
    "concepts": result_pages.concepts,
    "symbols": symbol_index_page,
    "tests": test_page.markdown,
    "own-environment": own_model_page.environment,
    "own-program": own_model_page.program,
    "own-correction": own_model_page.correction,
    **{f"own-{name}": partial(own_model_page.step, name) for name in own_model_page.NAMES},
    "ladder": ladder_page.summary,
    **{f"rung-{number}": partial(ladder_page.rung, number) for number in range(1, 8)},
}


def fill_in(text: str) -> str:
    """Returns a page's text with Markdown in place of its marks.

    Raises:
        KeyError: a mark names nothing that is generated.
        SuiteError: a measurement failed.
    """
    return _MARK.sub(lambda match: GENERATORS[match[1]](), text)
