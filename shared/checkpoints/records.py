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

from shared.checkpoints.files import FILE, RECORD, read_small, sha256, write_durably

FORMAT = 1
_LARGEST = 2**53  # up to here a float holds every whole number


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
    damaged = RecordError("expected the record that was written, found a damaged one")
    try:
        content = json.loads(read_small(path))
    except (OSError, ValueError, RecursionError) as error:  # the last for a deep nesting
        raise damaged from error
    if not isinstance(content, dict) or not {"format", "sha256"} <= set(content):
        raise damaged
    stored = content.pop("sha256")
    if content["format"] != FORMAT:
        raise RecordError(f"expected a record of format {FORMAT}, found {content['format']!r:.40}")
    if stored != _digest(content):
        raise damaged
    del content["format"]
    if not _has_form(content, os.path.basename(path)[: -len(RECORD)]):
        raise RecordError("expected step, order and files of this checkpoint, found another form")
    return Record(**content)


def _has_form(content: Mapping[str, Any], name: str) -> bool:
    """Whether a record says what `write_record` writes: a checksum can be right for anything."""
    if set(content) != set(Record._fields) or not isinstance(content["files"], dict):
        return False
    numbers = [content["step"], content["order"]]
    for file, found in content["files"].items():
        parts = FILE.fullmatch(file)
        if not parts or os.path.basename(file) != file or parts.group("name") != name:
            return False
        if not isinstance(found, dict) or set(found) != {"bytes", "sha256"}:
            return False
        if not isinstance(found["sha256"], str):
            return False
        numbers.append(found["bytes"])
    return all(type(number) is int and 0 <= number < _LARGEST for number in numbers)


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
