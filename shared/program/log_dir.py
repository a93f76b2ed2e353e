"""What `--log-dir DIR` of a program needs: its checks, and errors in one line."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import re
import threading
from typing import Any, Callable, Iterator

from shared.errors import SuiteError, UsageError

# TensorFlow raises several kinds of exceptions for a file, each of which tells the system's reason.
_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES)
_REASONS = tuple(map(os.strerror, _CODES))


class LosableWriter:
    """A style's SummaryWriter: where its file cannot be written, training goes on without it."""

    def __init__(
        self, create: Callable[[], Any], directory: str, warn: Callable[[str], None]
    ) -> None:
        """Calls `create`, which makes the SummaryWriter; `warn` takes a line if it is lost."""
        self._directory, self._warn = directory, warn
        self._writer: Any = None
        self._writer = self._tried(create)

    def write(self, *batch: Any) -> None:
        """Writes the summaries of this step, measured on one batch."""
        if self._writer is not None:
            self._tried(lambda: self._writer.write(*batch))

    def close(self) -> None:
        """Ends the event file."""
        if self._writer is not None:
            self._tried(self._writer.close)

    def _tried(self, call: Callable[[], Any]) -> Any:
        """Returns what a call returns; None where the file fails, and then the writer is lost."""
        try:
            return call()
        except Exception as error:
            reason = next((reason for reason in _REASONS if reason in str(error)), None)
            if reason is None:
                raise
            self._writer = None
            self._warn(
                f"--log-dir {self._directory}: cannot write: {reason}; "
                "training goes on without summaries"
            )
        return None


@contextlib.contextmanager
def quiet_event_thread() -> Iterator[None]:
    """Lets the thread of TensorFlow 1's FileWriter fail in silence: its `flush` raises that too."""
    shown = getattr(threading, "excepthook", None)  # Python 3.7 has none
    if shown is None:
        yield
        return

    def show(arguments: Any) -> None:
        if getattr(arguments.thread, "name", "") != "EventLoggerThread":
            shown(arguments)

    threading.excepthook = show
    try:
        yield
    finally:
        threading.excepthook = shown


def require_tensorboard() -> None:
    """Raises UsageError when the package `tensorboard` is missing or cannot be imported.

    TensorFlow 2.21 no longer installs it, and its `tf.summary.scalar` and `histogram` import it
    when they are first called: in the midst of training.
    """
    try:
        importlib.import_module("tensorboard.summary.v2")
    except Exception as error:  # an ImportError, or what a version that does not fit raises
        reason = " ".join(str(error).split())[:200]
        raise UsageError(
            "--log-dir: expected the package tensorboard, which tf.summary of TensorFlow 2 needs "
            f"(pip install tensorboard); found: {reason}"
        ) from error


@contextlib.contextmanager
def summary_errors(model: Any) -> Iterator[None]:
    """Turns what TensorFlow 1's histogram says of a NaN or an infinity into one line.

    Raises:
        SuiteError: TensorFlow 1's histogram was given a NaN or an infinity, which TensorFlow 2's
            silently writes.
    """
    try:
        yield
    except Exception as error:
        found = re.search(r"(Nan|Infinity) in summary histogram for: (\S+)", str(error))
        if found is None:
            raise
        raise SuiteError(
            f"--log-dir: {found[2]}: expected finite values, found {found[1]} "
            f"after step {model.step()}"
        ) from error
