"""Names that strangers chose, in one line and whole."""

from __future__ import annotations

from shared.program import display


def shown(text: object) -> str:
    """Returns a text with control characters written out; unlike `display.shown`, never cut."""
    return display.shown(text, longest=None)
