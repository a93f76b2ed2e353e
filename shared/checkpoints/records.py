"""The record of a finished save: `model-100.record`, JSON, written after all files are on disk.

It holds the length and SHA-256 of each file of the checkpoint, the step, the place in the order of
saves, and a SHA-256 of itself.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from shared.checkpoints.files import RECORD, sha256, write_durably

FORMAT = 1


class Record(NamedTuple):
    """What one save left."""

    step: int
    order: int  # counts the saves of a folder: the newest has the highest
    files: Mapping[str, Mapping[str, Any]]  # {"bytes": …, "sha256": …} by file name


class RecordError(Exception):
    """A record cannot be read; the message says why."""


def write_record(directory: str, name: str, record: Record) -> None:
    """Writes the record of checkpoint `name`."""
    content = {"format": FORMAT, **record._asdict()}
    content["sha256"] = _digest(content)
    text = json.dumps(content, indent=2) + "\n"
    write_durably(os.path.join(directory, name + RECORD), text)


def read_record(path: str) -> Record:
    """Reads a record.

    Raises:
        RecordError: it is damaged or was written by a later version.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        stored = content.pop("sha256")
        version = content.pop("format")
        if version != FORMAT:
            raise RecordError(f"expected a record of format {FORMAT}, found {version!r}")
        if stored != _digest(dict(content, format=version)):
            raise RecordError("expected the record that was written, found a damaged one")
        return Record(**content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError("expected the record that was written, found a damaged one") from error


def describe_files(directory: str, files: list[str]) -> dict[str, dict[str, Any]]:
    """Returns what a record holds of each of the files."""
    paths = {file: os.path.join(directory, file) for file in files}
    return {
        file: {"bytes": os.path.getsize(path), "sha256": sha256(path)}
        for file, path in paths.items()
    }


def damage(directory: str, record: Record) -> str | None:
    """Returns how the files differ from the record, None when they do not."""
    for file, expected in sorted(record.files.items()):
        path = os.path.join(directory, file)
        if not os.path.isfile(path):
            return f"{file}: expected {expected['bytes']} bytes, found no such file"
        found = os.path.getsize(path)
        if found != expected["bytes"]:
            return f"{file}: expected {expected['bytes']} bytes, found {found}"
        if sha256(path) != expected["sha256"]:
            return f"{file}: expected the bytes that were saved, found others"
    return None


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
