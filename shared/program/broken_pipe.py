"""What a command does when its output cannot be written, or when a signal asks it to end."""

from __future__ import annotations

import errno
import signal
import sys
from typing import Callable

from shared.program.ending import exit_on_signals
from shared.standard_streams import discard, open_missing_streams

_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}


def run_until_closed(command: Callable[[], int]) -> int:
    """Runs a command and returns its exit code.

    When the reader of its output has closed the pipe, as `head` does, the command ends without a
    traceback and with the code that the shell gives a program which SIGPIPE ended, 141. When the
    output goes to a full disk, it ends with one line and the code 2. When a signal ends it, its
    temporary files go, and the processes that it started: see `exit_on_signals`.
    """
    open_missing_streams()
    try:
        try:
            with exit_on_signals():
                return command()
        finally:
            sys.stdout.flush()  # here, not at the interpreter's end, where nothing can be caught
    except BrokenPipeError:
        discard(sys.stdout)
        return 128 + signal.SIGPIPE
    except OSError as error:
        if error.errno not in _CANNOT_WRITE or error.filename is not None:
            raise
        discard(sys.stdout)
        _complain(f"error: standard output: cannot write: {error.strerror}")
        return 2


def _complain(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:  # on the same full disk
        discard(sys.stderr)
