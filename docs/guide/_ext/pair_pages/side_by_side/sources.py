"""Which pairs there are, and their texts."""

from __future__ import annotations

from shared.models import PAIRS, STYLES
from shared.tools.child_process import ROOT


def pair_names() -> list[str]:
    """Returns the models in their order, then all other files that both style folders have."""
    both = set.intersection(
        *({path.stem for path in (ROOT / style).glob("*.py")} for style in STYLES)
    )
    others = sorted(both - {"__init__", *PAIRS})
    return [*PAIRS, *others]


def sources(pair: str) -> tuple[str, str]:
    """Returns the texts of the two files of a pair.

    Raises:
        OSError: a file is missing.
    """
    left, right = ((ROOT / style / f"{pair}.py").read_text(encoding="utf-8") for style in STYLES)
    return left, right
