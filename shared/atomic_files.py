"""Files that a flag names, written as a whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from shared.errors import UsageError


def write_whole(path: Path, write: Callable[[Path], object], flag: str) -> None:
    """Lets `write` make a file beside `path`, which then takes that name.

    Args:
        path: the file; one that is there already is replaced.
        write: writes the file of the path that it is given, which has the ending of `path`.
        flag: what the error names.

    Raises:
        UsageError: it cannot be written; then nothing half-written is left.
    """
    partial = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UsageError(f"{flag} {path}: cannot write: {error.strerror or error}") from error


def write_text(path: Path, text: str, flag: str) -> None:
    """Writes `text` in UTF-8; raises as `write_whole` does."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"), flag)
