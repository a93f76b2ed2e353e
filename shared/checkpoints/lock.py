"""One process at a time trains into a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
from typing import Any

from shared.checkpoints.errors import check_folder, reason_of
from shared.checkpoints.files import make_folder
from shared.checkpoints.leftovers import clear_unfinished
from shared.errors import CheckpointError

LOCK = ".training-lock"
_CONTENT = re.compile(rb"process \d+ of [^\n]*|process \d* ?o?f?")  # the second one is cut short


def claim_folder(directory: str) -> TrainingFolder:
    """Holds a folder for this process; raises CheckpointError where another one trains into it."""
    return TrainingFolder(directory)


class TrainingFolder:
    """Holds a folder for this process, from the call on until the end of a `with` block.

    It makes the folder and clears what a crash left in it. The lock is the kernel's: it is gone
    when the process is, however it ends. The file holds the number and the host of the process,
    for the message. A folder that was made here and in which nothing was saved is removed again.

    Raises:
        CheckpointError: another process trains into the folder, or it cannot be written.
    """

    def __init__(self, directory: str) -> None:
        """Takes the folder of the checkpoints."""
        self._path = os.path.join(directory, LOCK)
        self._lock: int | None = None
        self._made: list[str] = []
        check_folder(directory)
        try:
            self._made = make_folder(directory)
            self._lock = _acquire(self._path, directory)
            clear_unfinished(directory)
        except OSError as error:
            raise CheckpointError(
                f"--checkpoint-dir {directory}: expected a folder to write in, "
                f"found: {reason_of(error)}"
            ) from error

    def __enter__(self) -> TrainingFolder:
        """Takes the lock that is held already."""
        return self

    def __exit__(self, *exception: Any) -> None:
        """Releases it."""
        self._release()

    def __del__(self) -> None:
        """Releases it where an error came before the `with` block."""
        self._release()

    def _release(self) -> None:
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            if _is_at(self._lock, self._path):
                os.unlink(self._path)
        os.close(self._lock)
        self._lock = None
        with contextlib.suppress(OSError):  # not empty
            for folder in self._made:
                os.rmdir(folder)


def _acquire(path: str, directory: str) -> int:
    """Returns the descriptor of the locked file."""
    while True:
        lock = _opened(path)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(lock, path):
                _require_own(lock, path)
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"process {os.getpid()} of {socket.gethostname()}".encode(), 0)
                return lock
        except BlockingIOError:
            owner = os.pread(lock, 200, 0).decode(errors="replace") or "another process"
            os.close(lock)
            raise CheckpointError(
                f"--checkpoint-dir {directory}: expected a folder that no other process trains "
                f"into, found one that is in use by {owner}"
            ) from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)  # its owner ended and unlinked it after it was opened here


def _opened(path: str) -> int:
    """Opens or makes the file, which may be somebody else's: nothing is followed or waited for."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        if os.path.islink(path):
            raise _no_lock_file(path, "a link") from error
        raise


def _require_own(lock: int, path: str) -> None:
    """Raises CheckpointError for a file of that name that these scripts did not write."""
    status = os.fstat(lock)
    if not stat.S_ISREG(status.st_mode):
        raise _no_lock_file(path, "something else than a file")
    if status.st_nlink != 1:
        raise _no_lock_file(path, "a file with another name too")
    content = os.pread(lock, 4096, 0).rstrip(b"\0")  # zeros are what a loss of power may leave
    if not (_CONTENT.fullmatch(content) or b"process ".startswith(content)):
        raise _no_lock_file(path, "a file that no training wrote")


def _no_lock_file(path: str, found: str) -> CheckpointError:
    return CheckpointError(f"{path}: expected the lock of a training run, found {found}")


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False
