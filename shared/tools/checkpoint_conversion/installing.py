"""Puts a finished checkpoint into its place, in steps between which nothing can be lost.

A checkpoint is an index and data files, and an index says by their number alone which data files
are its own: `model.data-00000-of-00003` belongs to an index that counts 3. So the new data files
get a number that no file there has, and stand beside the old ones until the new index takes the
place of the old one, in one step of the file system. Before it the old checkpoint is whole, after
it the new one is.

What a conversion that was killed left is told by its journal, which lists what it wrote and what
it replaces, with each file's identity; names alone are no ownership.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jsonschema

from shared.checkpoints.files import RECORD, UNFINISHED, sync
from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.files import INDEX_SUFFIX, files_of
from shared.tools.checkpoint_conversion.index_file import read_index
from shared.tools.checkpoint_conversion.shown import shown

JOURNAL = "conversion.json"
_FILES = {
    "type": "object",
    "propertyNames": {"pattern": r"^[^/\x00]+$"},
    "additionalProperties": {"type": "array", "items": {"type": "integer"}, "minItems": 4},
}
_FORM = {
    "type": "object",
    "required": ["written_by", "target", "new", "old"],
    "properties": {
        "written_by": {"const": "pairs checkpoint convert"},
        "target": {"type": "string"},
        "new": _FILES,
        "old": _FILES,
    },
}


def begin(beside: str, prefix: str) -> None:
    """Writes the journal of a conversion that has replaced nothing yet."""
    _write_journal(beside, os.path.basename(prefix), [], [])


def install(temporary: str, prefix: str, beside: str) -> None:
    """Moves a checkpoint to its place; the one of that name that is there is replaced.

    Args:
        temporary: prefix of the finished files, in `beside`.
        prefix: where they belong.
        beside: a folder with a journal, in the same folder as `prefix`.
    """
    folder = os.path.dirname(prefix) or "."
    name = os.path.basename(prefix)
    index, *data = files_of(temporary)
    old_data = _data_of(prefix)
    for file in (*data, index):
        sync(file)
    targets = {
        file: Path(folder, name + file.name[len(os.path.basename(temporary)) :]) for file in data
    }
    taken = next((target for target in targets.values() if os.path.lexists(target)), None)
    if taken:
        raise FileExistsError(f"{taken.name} is there")
    _write_journal(beside, name, [*data, index], old_data, targets)
    for file, target in targets.items():
        os.rename(file, target)
    sync(folder)
    _unmark(prefix)
    os.replace(index, prefix + INDEX_SUFFIX)  # from here on it is the new one
    sync(folder)
    _delete(old_data)


def _unmark(prefix: str) -> None:
    """Deletes what the suite's scripts keep beside the old checkpoint, which stays whole."""
    if os.path.exists(prefix + UNFINISHED) and not os.path.exists(prefix + RECORD):
        Path(prefix + INDEX_SUFFIX).unlink(missing_ok=True)  # of a save that never ended
    for end in (RECORD, UNFINISHED):
        Path(prefix + end).unlink(missing_ok=True)


def counts_taken(prefix: str) -> set[int]:
    """Returns which numbers of data files there are at a prefix."""
    return {int(file.name[-5:]) for file in files_of(prefix) if file.suffix != INDEX_SUFFIX}


def _data_of(prefix: str) -> list[Path]:
    """Returns the data files that the index of a prefix counts; none where it is damaged."""
    try:
        shards = read_index(prefix + INDEX_SUFFIX).shards
    except (OSError, ValueError):
        return []
    return [file for file in files_of(prefix)[1:] if int(file.name[-5:]) == shards]


def clear_stale(folder: str, name: str, make_newest: Callable[[str], None]) -> None:
    """Ends what killed conversions to the same target began: nobody holds their lock."""
    for entry in os.scandir(folder):
        if entry.name.startswith(f".{name}.") and entry.is_dir(follow_symlinks=False):
            journal = _journal(entry.path, name)
            descriptor = lock(entry.path) if journal else None
            if journal and descriptor is not None:
                if _end(folder, entry.path, journal):
                    make_newest(os.path.join(folder, name))
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(descriptor)


def _end(folder: str, beside: str, journal: dict[str, Any]) -> bool:
    """Deletes the old data files of an installed checkpoint, or the new ones of another.

    Returns:
        Whether it was installed: then its index has left the journal's folder.
    """
    name, new = journal["target"], journal["new"]
    index = name + INDEX_SUFFIX
    installed = bool(new) and not os.path.exists(os.path.join(beside, index))
    files = journal["old"] if installed else {key: new[key] for key in new if key != index}
    paths = {Path(folder, file): identity for file, identity in files.items()}
    _delete(path for path, identity in paths.items() if _identity(path) == identity)
    return installed and _identity(Path(folder, index)) == new.get(index)


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _identity(path: Path) -> list[int] | None:
    """Returns what a file keeps when it is renamed, and another file of its name does not have."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return [found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns]


def _write_journal(
    beside: str,
    target: str,
    new: Iterable[Path],
    old: Iterable[Path],
    names: dict[Path, Path] | None = None,
) -> None:
    journal = {
        "written_by": "pairs checkpoint convert",
        "target": target,
        "new": {(names or {}).get(file, file).name: _identity(file) for file in new},
        "old": {file.name: _identity(file) for file in old},
    }
    partial = os.path.join(beside, f"{JOURNAL}.partial")
    with open(partial, "x", encoding="utf-8") as file:
        json.dump(journal, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, os.path.join(beside, JOURNAL))
    sync(beside)


def _journal(beside: str, name: str) -> dict[str, Any] | None:
    """Returns the journal of a folder; None where there is none for this target."""
    path = Path(beside, JOURNAL)
    try:
        if not path.is_file() or path.is_symlink():
            return None
        journal = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(journal, _FORM)
    except (OSError, ValueError, RecursionError, jsonschema.ValidationError):
        return None
    return journal if journal["target"] == name else None


def lock(folder: str) -> int | None:
    """Locks a folder until the descriptor is closed or the process ends; None where it is taken."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def require_no_folder(prefix: str, others: Iterable[str]) -> None:
    """Raises CheckpointError where a folder, pipe or device has a name that is to be written."""
    folder, name = os.path.split(prefix)
    if not os.path.isdir(folder or "."):
        return
    pattern = re.compile(re.escape(name) + r"(\.data-\d{5}-of-\d{5}|\.index|\.record|\.unfinished)")
    for entry in os.scandir(folder or "."):
        mine = pattern.fullmatch(entry.name) or entry.name in others
        if mine and not entry.is_symlink() and not entry.is_file():
            found = "a folder" if entry.is_dir() else "no regular file"
            raise CheckpointError(
                f"{shown(entry.path)}: expected a name that is free or a file's; found {found}"
            )
