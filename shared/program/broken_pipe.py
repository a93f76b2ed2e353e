"""What a command does when nobody reads its output any more."""

from __future__ import annotations

import os
import signal
import sys
from typing import Callable


def run_until_closed(command: Callable[[], int]) -> int:
    """Runs a command and returns its exit code.

    When the reader of its output has closed the pipe, as `head` does, the command ends without a
    traceback and with the code that the shell gives a program which SIGPIPE ended, 141.
    """
    try:
        try:
            return command()
        finally:
            sys.stdout.flush()  # here, not at the interpreter's end, where nothing can be caught
    except BrokenPipeError:
        # What is left in the buffer must have somewhere to go when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
