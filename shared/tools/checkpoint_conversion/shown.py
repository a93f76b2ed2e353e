"""Names that strangers chose, made safe to print."""

from __future__ import annotations


def shown(text: object) -> str:
    r"""Returns a text in one line without control characters.

    What does not print (line breaks, escape sequences of a terminal, marks that turn the direction
    of writing, lone surrogates) stands as Python writes it: "\n", "\x1b".
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )
