"""Work without Python's garbage collector."""

from __future__ import annotations

import contextlib
import gc
from typing import Iterator


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Keeps the garbage collector off; afterwards it is on if it was on before."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
