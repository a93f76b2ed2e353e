"""Writes what a command found to the file that a flag names, whatever stands there."""

from __future__ import annotations

import os
from pathlib import Path

from shared.atomic_files import write_text
from shared.errors import UsageError
from shared.program.display import shown


def write_result(name: str, text: str, flag: str) -> None:
    """Writes a text: a file whole or not at all, a device or a pipe directly, a link's target.

    Args:
        name: what the user gave.
        text: what to write.
        flag: what the error names.

    Raises:
        UsageError: it names no file, or cannot be written.
    """
    if not name or not Path(name).name or os.path.isdir(name):
        raise UsageError(f"{flag} {shown(name)!r}: expected the name of a file, found a folder")
    write_text(Path(name), text, flag)
