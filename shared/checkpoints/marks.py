"""The mark of a save that goes on: `model-100.unfinished`, there until its record is on disk.

It is also the list by which the next training run tells what the save left if it does not end: what
was in the folder before the mark was, by whatever name, belongs to somebody else and stays.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Iterator, NamedTuple

from shared.atomic_files import sync
from shared.checkpoints.files import (
    CHECKPOINT_NAME,
    RECORD,
    STATE,
    TEMPORARY,
    UNFINISHED,
    read_small,
    remove,
)

_FIRST_LINE = "This save is not finished. What the folder held before it:\n"
_MARK = re.compile(rf"({CHECKPOINT_NAME}-\d+){re.escape(UNFINISHED)}")


class Mark(NamedTuple):
    """What the mark of one save says."""

    before: frozenset[str]  # what the folder held before
    record: str | None  # of an earlier save of the same step, as the file held it


def set_mark(directory: str, name: str) -> None:
    """Marks the save of checkpoint `name` as begun; raises OSError where there is such a file."""
    record = _read(os.path.join(directory, name + RECORD))
    content = {"before": sorted(os.listdir(directory)), "record": record}
    path = os.path.join(directory, name + UNFINISHED)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(path, flags, 0o666), "w", encoding="ascii") as file:
            file.write(_FIRST_LINE + json.dumps(content) + "\n")
    except FileExistsError as error:
        raise OSError(f"{path}: expected no such file, found one of another program") from error
    except BaseException:
        remove([path])
        raise
    sync(path)
    sync(directory)


def read_mark(directory: str, name: str) -> Mark | None:
    """Returns the mark of checkpoint `name`; None where there is none, or another's file."""
    if not _MARK.fullmatch(name + UNFINISHED):
        return None
    text = _read(os.path.join(directory, name + UNFINISHED))
    if text is None or text[: len(_FIRST_LINE)] != _FIRST_LINE:
        # One that was cut short was not on disk yet, so nothing of its save was written. A loss of
        # power may leave zeros of its length.
        is_cut = text is not None and _FIRST_LINE.startswith(text.rstrip("\0"))
        return Mark(frozenset(os.listdir(directory)), None) if is_cut else None
    try:
        content = json.loads(text[len(_FIRST_LINE) :])
        record = content["record"]
        return Mark(frozenset(content["before"]), record if isinstance(record, str) else None)
    except (ValueError, KeyError, TypeError, RecursionError):
        return Mark(frozenset(os.listdir(directory)), None)


def marks(directory: str) -> Iterator[tuple[str, Mark]]:
    """Yields the names of the checkpoints that are marked, with their marks."""
    for entry in sorted(os.listdir(directory)):
        found = _MARK.fullmatch(entry)
        mark = read_mark(directory, found.group(1)) if found else None
        if found and mark:
            yield found.group(1), mark


def temporary_names(directory: str, name: str, mark: Mark) -> list[str]:
    """Returns what the save of checkpoint `name` left that has no name of its own yet."""
    pattern = re.compile(
        rf"{name}\.(index|data-\d{{5}}-of-\d{{5}})\.tempstate\d+"  # TensorFlow's, as the next two
        rf"|{STATE}\.tmp[0-9a-f]{{32}}"
        rf"|{name}_temp(_[0-9a-f]{{32}})?"
        rf"|\.[0-9a-f]{{16}}\.({name}{re.escape(RECORD)}|{STATE}){re.escape(TEMPORARY)}"
    )
    return [
        entry
        for entry in os.listdir(directory)
        if pattern.fullmatch(entry) and entry not in mark.before
    ]


def _read(path: str) -> Any:
    try:
        return read_small(path)
    except (OSError, ValueError):
        return None
