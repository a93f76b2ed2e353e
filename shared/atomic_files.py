"""Files that are written as a whole or not at all, and that stay once they are written.

What a flag names may be anything. A regular file, or nothing yet, is replaced as a whole. A link
is followed: its target is replaced, the link stays. A character device or a pipe, such as
/dev/null, is written to, for a file with its name would destroy it. Everything else is refused.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

from shared.errors import UsageError

_LONGEST_ENDING = 16  # of a temporary name: with the rest of it, far from the 255 letters of a name
_STREAMS = ("/dev/", "/proc/")  # where a name can stand for an open file, whoever holds it


def check_file(path: Path, flag: str) -> None:
    """Raises UsageError when nothing could be written to `path`; writes nothing.

    For a file that is written at the end of long work. It does not notice a full disk.
    """
    try:
        target = _target(path)
        folder = os.path.dirname(target)
        if not _is_stream(path):
            if not os.path.isdir(folder):
                raise OSError(f"expected a file in an existing folder, found no folder {folder}")
            if not os.access(folder, os.W_OK | os.X_OK):
                raise OSError(f"expected a folder to write in, found a read-only one: {folder}")
    except OSError as error:
        raise _refusal(flag, path, error) from error


def check_outputs(arguments: Any, *names: str) -> None:
    """Raises UsageError, as `check_file` does, when the file of a flag could not be written.

    Args:
        arguments: what `argparse` returned; None and `-`, standard output, are no files.
        names: of its attributes, such as "write_map" for --write-map.
    """
    for name in names:
        path = getattr(arguments, name)
        if path not in (None, "-"):
            check_file(Path(path), "--" + name.replace("_", "-"))


def write_whole(path: Path, write: Callable[[Path], object], flag: str) -> None:
    """Lets `write` make a file, which then takes the name `path`, or goes where `path` leads.

    Args:
        path: the file; one that is there already is replaced.
        write: writes the file of the path that it is given, which has the ending of `path`.
        flag: what the error names.

    Raises:
        UsageError: it cannot be written; then nothing half-written is left, and what was there
            before still is.
    """
    try:
        if _is_stream(path):
            _write_stream(path, write)
        else:
            replace_file(_target(path), lambda partial: write(Path(partial)))
    except OSError as error:
        raise _refusal(flag, path, error) from error


def write_text(path: Path, text: str, flag: str) -> None:
    """Writes `text` in UTF-8; raises as `write_whole` does."""
    write_whole(path, lambda partial: partial.write_text(text, encoding="utf-8"), flag)


def replace_file(path: str, write: Callable[[str], object], ending: str | None = None) -> None:
    """Lets `write` make a file, which then takes the name `path`; both are on disk on return.

    Args:
        path: the file. A link of this name is replaced, not followed.
        write: writes the file of the path that it is given, which is new, empty and beside `path`.
        ending: of the name of that file; None for the ending of `path`.

    Raises:
        OSError: it cannot be written; then nothing half-written is left.
    """
    if ending is None:
        ending = os.path.splitext(path)[1][:_LONGEST_ENDING]
    partial = new_file(os.path.dirname(path) or ".", ending)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.chmod(partial, stat.S_IMODE(os.lstat(path).st_mode) & 0o777)
        write(partial)
        sync(partial)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    sync(os.path.dirname(path) or ".")


def new_file(folder: str, ending: str) -> str:
    """Makes an empty file of a name that nothing has; returns its path."""
    while True:
        path = os.path.join(folder, f".{os.urandom(8).hex()}{ending}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, flags, 0o666))
            return path


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _target(path: Path) -> str:
    """Returns the file that `path` leads to; raises OSError when it is none that can be written."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return os.path.realpath(path)  # nothing yet, or a link to what is not there yet
    if stat.S_ISDIR(mode):
        raise IsADirectoryError("expected a file, found a folder")
    if not (stat.S_ISREG(mode) or stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)):
        raise OSError("expected a file, found a disk or a socket")
    return os.path.realpath(path)


def _is_stream(path: Path) -> bool:
    """Whether `path` is written to in place: a device, a pipe, or what /dev/stdout stands for."""
    _target(path)
    if os.path.abspath(path).startswith(_STREAMS) and os.path.exists(path):
        return not os.path.abspath(path).startswith("/dev/shm/")
    return os.path.exists(path) and not os.path.isfile(path)


def _write_stream(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` make a file elsewhere and copies it into the device or the pipe."""
    with _opened_stream(path) as stream, tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "written" + path.suffix[:_LONGEST_ENDING])
        write(file)
        with open(file, "rb") as written:
            shutil.copyfileobj(written, stream)


@contextlib.contextmanager
def _opened_stream(path: Path) -> Iterator[Any]:
    # Without waiting: a pipe that nobody reads is an error, and then a pipe may be waited for.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as stream:
        yield stream


def _refusal(flag: str, path: Path, error: OSError) -> UsageError:
    reason = " ".join((error.strerror or str(error)).split())
    return UsageError(f"{flag} {path}: cannot write: {reason}")
