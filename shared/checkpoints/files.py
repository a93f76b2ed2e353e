"""The files of checkpoints: their names, and how they are written so that they stay."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from typing import Iterator

from shared.atomic_files import replace_file, sync

CHECKPOINT_NAME = "model"  # checkpoints of the pairs are model-STEP
STATE = "checkpoint"  # TensorFlow's list of the checkpoints in a folder
INDEX = ".index"
RECORD = ".record"  # ours: what the files of a finished save hold
UNFINISHED = ".unfinished"  # ours: there while a save goes on
TEMPORARY = ".writing"  # ours: the end of the name of a small file before it gets its own
_LONGEST = 2**20  # bytes of a record, a mark or a list: a thousand times as many as they have

FILE = re.compile(r"(?P<name>.+)(?P<kind>\.index|\.data-\d{5}-of-\d{5}|\.record|\.unfinished)")


def step_of(name: str) -> int | None:
    """Returns the step at the end of a checkpoint's name; None where there is none."""
    found = re.search(r"-(\d+)$", name)
    return int(found.group(1)) if found else None


def sha256(path: str) -> str:
    """Returns the SHA-256 of a file as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(2**20), b""):
            digest.update(block)
    return digest.hexdigest()


def write_durably(path: str, text: str) -> None:
    """Writes a small file whole or not at all; it is on disk when this returns.

    A link of that name is replaced, not followed.
    """
    ending = "." + os.path.basename(path) + TEMPORARY
    replace_file(path, lambda partial: _write(partial, text), ending)


def write_anew(path: str, text: str) -> None:
    """Writes a small file that may be lost; a crash leaves none or a part, and nothing beside it.

    A link of that name is replaced, not followed.
    """
    remove([path])
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8") as file:
        file.write(text)
    sync(path)
    sync(os.path.dirname(path))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read_small(path: str) -> str:
    """Returns what a small file holds.

    Raises:
        OSError: it is missing, a link, or no regular file (a pipe would be waited for).
        ValueError: it is no UTF-8, or longer than `_LONGEST`.
    """
    return read_small_bytes(path).decode("utf-8")


def read_small_bytes(path: str) -> bytes:
    """Returns the bytes of a small file.

    Raises:
        OSError: it is missing, a link, or no regular file (a pipe would be waited for).
        ValueError: it is longer than `_LONGEST`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path}: expected a regular file")
        content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ValueError(f"{path}: expected at most {_LONGEST} bytes")
    return content


def make_folder(directory: str) -> list[str]:
    """Makes a folder that stays; returns the folders that were made, the deepest first."""
    missing = []
    path = os.path.abspath(directory)
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    for made in missing:
        sync(os.path.dirname(made))
    return missing


def remove(paths: Iterator[str] | list[str]) -> None:
    """Deletes files; those that are gone already or cannot be deleted are passed over."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)
