"""Clear errors for checkpoints that cannot be restored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from shared.errors import CheckpointError


@contextlib.contextmanager
def checkpoint_errors(path: str) -> Iterator[None]:
    """Turns whatever a restore raises into a CheckpointError that names the checkpoint.

    TensorFlow raises an IndexError for a truncated file, an AssertionError for objects without a
    partner, a ValueError for a changed shape and several of its own.
    """
    try:
        yield
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path}: cannot be restored: {reason}") from error
