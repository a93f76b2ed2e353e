"""Fills in what a page says is generated: `<!-- generated: NAME -->` on a line of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from pair_pages.generated import ladder, own_model, pitfalls, results, tests, workers
from pair_pages.numbers.measured import measured

_MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.MULTILINE)
GENERATORS: dict[str, Callable[[], str]] = {
    "pitfalls": pitfalls.markdown,
    "parity": results.parity,
    "speed": results.speed,
    "pairs": results.pairs,
    "concepts": results.concepts,
    "symbols": lambda: measured("pitfalls_and_symbols")["symbols"],
    "tests": tests.markdown,
    "workers-measured": workers.measured,
    "workers-on-paper": workers.on_paper,
    "own-environment": own_model.environment,
    "own-program": own_model.program,
    "own-correction": own_model.correction,
    **{f"own-{name}": partial(own_model.step, name) for name in own_model.NAMES},
    "ladder": ladder.summary,
    **{f"rung-{number}": partial(ladder.rung, number) for number in range(1, 9)},
}


def fill_in(text: str) -> str:
    """Returns a page's text with Markdown in place of its marks.

    Raises:
        KeyError: a mark names nothing that is generated.
        SuiteError: a measurement failed.
    """
    return _MARK.sub(lambda match: GENERATORS[match[1]](), text)
