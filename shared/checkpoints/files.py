"""The files of checkpoints: their names, and how they are written so that they stay."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import Iterator

CHECKPOINT_NAME = "model"  # checkpoints of the pairs are model-STEP
STATE = "checkpoint"  # TensorFlow's list of the checkpoints in a folder
INDEX = ".index"
RECORD = ".record"  # ours: what the files of a finished save hold
UNFINISHED = ".unfinished"  # ours: there while a save goes on
TEMPORARY = ".writing"  # ours: a small file before it gets its name

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


def sync(path: str | os.PathLike[str]) -> None:
    """Waits until a file, or the names in a folder, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: str, text: str) -> None:
    """Writes a small file whole or not at all; it is on disk when this returns."""
    temporary = path + TEMPORARY
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync(os.path.dirname(path) or ".")


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
