"""Clear errors for checkpoints that cannot be saved or restored."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from shared.errors import CheckpointError

_PATTERN = re.compile(r"[*?\[\\]")
_MARKS = re.compile(r"\{\{function_node .*?\}\} *| \[Op:\w+\]")
_NODE = re.compile(r"\s*\[\[.*", re.DOTALL)  # where in the graph: nothing that a user can mend


def check_folder(directory: str, flag: str = "--checkpoint-dir") -> None:
    """Raises CheckpointError when nothing could be saved in `directory`; makes nothing.

    Args:
        directory: an existing folder or one that would be made.
        flag: what the error names.
    """
    pattern = _PATTERN.search(directory)
    if pattern:  # what is saved there could never be restored
        raise CheckpointError(
            f"{flag} {directory}: expected a name without * ? [ or \\, which TensorFlow takes for "
            f"a pattern when it restores, found {pattern.group()}"
        )
    if not is_utf8(directory):
        raise CheckpointError(
            f"{flag} {directory}: expected a name in UTF-8, without which TensorFlow cannot write, "
            "found bytes that are none"
        )
    existing = os.path.abspath(directory)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        found = "a file"
    elif not os.access(existing, os.W_OK | os.X_OK):
        found = "one that is read-only"
    else:
        return
    raise CheckpointError(
        f"{flag} {directory}: expected a folder to write in, found {found}: {existing}"
    )


def is_utf8(path: str) -> bool:
    """Returns whether TensorFlow can read and write a path: names on a disk may be any bytes."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextlib.contextmanager
def checkpoint_errors(path: str, done: str = "restored") -> Iterator[None]:
    """Turns whatever a restore raises, or a save, into a CheckpointError that names the checkpoint.

    TensorFlow raises an IndexError for a truncated file, an AssertionError for objects without a
    partner, a ValueError for a changed shape and several of its own.
    """
    try:
        yield
    except CheckpointError:
        raise
    except Exception as error:
        raise CheckpointError(f"{path}: cannot be {done}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Returns what an exception says, in one line of at most 200 characters."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    plain = " ".join(_NODE.sub("", _MARKS.sub("", text)).split())
    return plain[:200] or type(error).__name__
