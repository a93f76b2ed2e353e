"""Reads a command line such as `python -u -m package.train --flag`: what is Python's, what not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.errors import UsageError
from shared.program.display import shown

_WITH_VALUE = ("-W", "-X", "-Q")  # -Q: of Python 2


class Words(NamedTuple):
    """What follows the interpreter: its own flags, then the program and the program's arguments.

    A module is `("-m", name, *arguments)`, as the recorder takes it.
    """

    flags: tuple[str, ...]
    program: tuple[str, ...]

    @property
    def is_module(self) -> bool:
        """Whether the program is named as a module."""
        return self.program[:1] == ("-m",)


def read(words: Sequence[str], what: str) -> Words:
    """Splits the words that follow an interpreter.

    Args:
        words: such as ["-u", "train.py", "--steps", "3"].
        what: begins the message of an error, such as "--old".

    Raises:
        UsageError: there is no program among them, or it is given as text (`-c`, `-`).
    """
    left, flags = list(words), []
    while left and left[0].startswith("-"):
        word = left.pop(0)
        if word.startswith("-m"):
            named = [word[2:], *left] if word != "-m" else left
            left = ["-m", *named] if named else []
            break
        if word == "-" or word.startswith("-c"):
            raise UsageError(
                f"{what}: expected a Python file or -m MODULE, found {word}: write it to a file"
            )
        flags.append(word)
        if word in _WITH_VALUE and left:
            flags.append(left.pop(0))
    if not left:
        raise UsageError(
            f"{what}: expected a Python file or -m MODULE, found {shown(' '.join(words))}"
        )
    return Words(tuple(flags), tuple(left))
