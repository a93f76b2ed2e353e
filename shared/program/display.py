"""Shows names and texts that somebody else wrote: on one line, and nothing in them acts."""

from typing import Optional

_LONGEST = 200  # letters; longer than any name that somebody means


def shown(text: object, longest: Optional[int] = _LONGEST) -> str:
    r"""Returns a text with control characters written out, cut where it is longer than asked.

    Escape codes of terminals, line breaks and marks that change the direction of writing come as
    `\x1b`, `\n`, `\u202e`.
    """
    line = "".join(c if c.isprintable() else _written_out(c) for c in str(text))
    return line if longest is None or len(line) <= longest else line[: longest - 1] + "…"


def one_line(message: str) -> str:
    """Returns a whole message on one line, with control characters written out."""
    return shown(message.replace("\n", " "), longest=None)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def shown_markup(text: object) -> str:
    """Returns likewise for a console of `rich`, where `[/red]` would act too."""
    from rich.markup import escape

    # A backslash at the end would escape the bracket of what follows.
    line = escape(shown(text))
    return line + "\\" if line.endswith("\\") else line
