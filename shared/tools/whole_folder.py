"""Folders that are written beside their place and then take it, as a whole or not at all."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.atomic_files import sync

_OWNED = ".written-by-pairs"  # a file in each folder made here, locked while its process runs
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of Linux's renameat2
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}  # by a folder; by a file


@contextlib.contextmanager
def whole_folder(out: Path, replace: bool = True) -> Iterator[Path]:
    """Yields a path beside `out` to make a folder at, which takes the place of `out` at the end.

    An error, an interrupt or a crash at any moment leaves the old folder or the new one, whole;
    after a crash where the system cannot exchange two names, `put_back` has to be called, which
    needs a file system with locks. A link is followed. Of several processes that make the same
    folder at once, each replaces it by its own.

    Args:
        out: the folder.
        replace: whether it may take the place of what is there at the end; an empty folder is
            replaced in any case.

    Raises:
        FileExistsError: the place is taken, and nothing there is to be replaced.
        OSError: the folder cannot be written.
    """
    out = Path(os.path.realpath(out))
    out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out.parent):  # else another process could take the new folder for a crashed one's
        _put_back(out)
        beside = Path(tempfile.mkdtemp(prefix=_prefix(out), dir=out.parent))
        lock = _locked(beside, os.O_CREAT)
    try:
        yield beside / "new"
        _sync_all(beside / "new")
        with _alone(out.parent):  # else another process could come between two renames
            _place(out, beside / "new", beside / "old", replace)
        sync(out.parent)
    finally:
        with _alone(out.parent):
            _end(beside, out)
        if lock is not None:
            os.close(lock)


def put_back(out: Path) -> None:
    """Restores `out` where a crash came between two renames, and clears what crashes left of it."""
    out = Path(os.path.realpath(out))
    with _alone(out.parent):
        _put_back(out)


def _put_back(out: Path) -> None:
    for beside in out.parent.glob(_prefix(out) + "*"):
        with contextlib.suppress(OSError):
            beside.rmdir()  # an empty one: its process ended before it wrote anything
            continue
        lock = _locked(beside)
        if lock is not None:  # made here, and its process has ended
            _end(beside, out)
            os.close(lock)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time see what others make in a folder, and begin or end its own."""
    with contextlib.ExitStack() as stack:
        # It may be missing, or unreadable, or on a file system without locks.
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def _prefix(out: Path) -> str:
    """Returns what the names of the folders beside `out`, and of no other folder, begin with."""
    return f".{hashlib.sha256(os.fsencode(out.name)).hexdigest()[:16]}-"


def _locked(beside: Path, flags: int = 0) -> int | None:
    """Locks the file that says whose folder it is; None where there is none, or it is locked."""
    try:
        lock = os.open(beside / _OWNED, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _place(out: Path, new: Path, old: Path, replace: bool) -> None:
    try:
        new.rename(out)  # which fails where `out` is a file, or holds anything
        return
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        if not replace:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(out)) from error
    if not _exchange(out, new):
        out.rename(old)
        new.rename(out)  # where this fails, `_end` renames the old one back


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two names in one step; returns whether the system could."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):  # another system, or an old one
        return False
    names = os.fsencode(one), os.fsencode(other)
    return renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0


def _end(beside: Path, out: Path) -> None:
    """Renames the old folder back if nothing has its place, and removes the rest."""
    if (beside / "old").exists() and not out.exists():
        (beside / "old").rename(out)
    for name in ("new", "old"):
        shutil.rmtree(beside / name, ignore_errors=True)
        with contextlib.suppress(OSError):
            (beside / name).unlink()  # a file was replaced
    shutil.rmtree(beside, ignore_errors=True)  # with the file by which it is known, last


def _sync_all(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        if not path.is_symlink():
            sync(path)
