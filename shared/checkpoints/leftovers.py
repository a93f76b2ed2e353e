"""Clears what crashed saves left. Only whoever trains into the folder may do it."""

from __future__ import annotations

import os
import re
import shutil

from shared.checkpoints.files import CHECKPOINT_NAME, RECORD, STATE, TEMPORARY, UNFINISHED, remove
from shared.checkpoints.folder import scan
from shared.checkpoints.state_file import read_state, write_state

_NAME = rf"{CHECKPOINT_NAME}-\d+"
# What TensorFlow and these scripts write before files get their names. Nothing else is deleted.
_TEMPORARY_FILE = re.compile(
    rf"{_NAME}\.(index|data-\d{{5}}-of-\d{{5}})\.tempstate\d+"
    rf"|{STATE}\.tmp[0-9a-f]{{32}}"
    rf"|({_NAME}\.(record|unfinished)|{STATE}){re.escape(TEMPORARY)}"
)
_TEMPORARY_FOLDER = re.compile(rf"{_NAME}_temp(_[0-9a-f]{{32}})?")
_KEPT = 3  # a style keeps as many; what is older, TensorFlow was deleting


def clear_unfinished(directory: str) -> None:
    """Deletes temporary files and the files of saves that were not finished."""
    if not os.path.isdir(directory):
        return
    for entry in os.listdir(directory):
        path = os.path.join(directory, entry)
        if _TEMPORARY_FILE.fullmatch(entry):
            remove([path])
        elif _TEMPORARY_FOLDER.fullmatch(entry) and os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
    found = scan(directory)
    marked = [checkpoint for checkpoint in found.values() if checkpoint.is_marked]
    unfinished = [checkpoint for checkpoint in marked if checkpoint.is_unfinished]
    for checkpoint in unfinished:
        remove([os.path.join(directory, file) for file in checkpoint.files])
    _forget(directory, [checkpoint.name for checkpoint in unfinished])
    # The mark goes last: without it, these files would pass for a checkpoint.
    remove([os.path.join(directory, checkpoint.name + UNFINISHED) for checkpoint in marked])
    remove_orphaned_records(directory)


def remove_orphaned_records(directory: str) -> None:
    """Deletes what is left of checkpoints that TensorFlow has deleted, or was deleting."""
    recorded = [checkpoint for checkpoint in scan(directory).values() if checkpoint.record]
    recorded.sort(key=lambda checkpoint: checkpoint.record.order, reverse=True)  # type: ignore[union-attr]
    for checkpoint in recorded[_KEPT:]:
        if not checkpoint.has_index:
            files = [*checkpoint.files, checkpoint.name + RECORD]  # the record last, as above
            remove([os.path.join(directory, file) for file in files])


def _forget(directory: str, names: list[str]) -> None:
    """Takes unfinished saves out of TensorFlow's list, if they are in it."""
    state = read_state(directory)
    if state.problem or not set(names) & set(state.names):
        return
    found = scan(directory)
    left = [name for name in state.names if name not in names]
    left = [name for name in left if name in found and found[name].has_index]
    if left:
        write_state(directory, left)
    else:
        remove([os.path.join(directory, STATE)])
