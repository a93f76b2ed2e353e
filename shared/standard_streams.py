"""Standard input, output and error, where the program was started without one of them."""

from __future__ import annotations

import os
import sys
from typing import Any


def open_missing_streams() -> None:
    """Opens what is closed (as `>&-` does) on nothing; to be called before anything is opened.

    Otherwise the next file that is opened gets the number of standard output or error, and what
    TensorFlow prints there goes into it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  open until the end


def discard(stream: Any) -> None:
    """Gives what is left in the buffer of a stream that cannot be written somewhere to go.

    At its end the interpreter would try once more and complain.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
