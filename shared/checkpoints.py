"""Clear errors for checkpoints that cannot be restored."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from shared.errors import CheckpointError


def check_folder(directory: str, flag: str = "--checkpoint-dir") -> None:
    """Raises CheckpointError when nothing could be saved in `directory`; makes nothing.

    Args:
        directory: an existing folder or one that would be made.
        flag: what the error names.
    """
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


@contextlib.contextmanager
def checkpoint_errors(path: str) -> Iterator[None]:
    """Turns whatever a restore raises into a CheckpointError that names the checkpoint.

    TensorFlow raises an IndexError for a truncated file, an AssertionError for objects without a
    partner, a ValueError for a changed shape and several of its own.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(f"{path}: cannot be restored: {reason}") from error
