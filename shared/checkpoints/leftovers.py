"""Clears what crashed saves left. Only whoever trains into the folder may do it.

Nothing is deleted because of its name alone: what a save leaves is told by its mark, and what an
old checkpoint was by its record.
"""

from __future__ import annotations

import os
import shutil

from shared.checkpoints.files import RECORD, STATE, UNFINISHED, remove, write_durably
from shared.checkpoints.folder import scan
from shared.checkpoints.marks import Mark, marks, temporary_names
from shared.checkpoints.records import RecordError, damage, read_record
from shared.checkpoints.state_file import read_state, write_state

# As many as each model has TensorFlow keep: what is older, TensorFlow was deleting. A model states
# the number itself, since its class can be copied alone; tests/pairs/test_pair_rules.py compares.
KEPT = 3


def clear_unfinished(directory: str) -> None:
    """Deletes temporary files and the files of saves that were not finished."""
    if not os.path.isdir(directory):
        return
    for name, mark in list(marks(directory)):
        _clear(directory, name, mark)
    remove_orphaned_records(directory)


def _clear(directory: str, name: str, mark: Mark) -> None:
    for entry in temporary_names(directory, name, mark):
        path = os.path.join(directory, entry)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            remove([path])
    if scan(directory)[name].is_unfinished and not _put_back(directory, name, mark):
        remove([os.path.join(directory, file) for file in scan(directory)[name].files])
        _forget(directory, name, mark)
    # The mark goes last: without it, these files would pass for a checkpoint.
    remove([os.path.join(directory, name + UNFINISHED)])


def _put_back(directory: str, name: str, mark: Mark) -> bool:
    """Makes an earlier save of the step count again, if the new one had changed no file yet."""
    if mark.record is None:
        return False
    path = os.path.join(directory, name + RECORD)
    write_durably(path, mark.record)
    try:
        if damage(directory, read_record(path)) is None:
            return True
    except RecordError:
        pass
    remove([path])
    return False


def remove_orphaned_records(directory: str) -> None:
    """Deletes what is left of checkpoints that TensorFlow has deleted, or was deleting."""
    recorded = [checkpoint for checkpoint in scan(directory).values() if checkpoint.record]
    recorded.sort(key=lambda checkpoint: checkpoint.record.order, reverse=True)  # type: ignore[union-attr]
    for checkpoint in recorded[KEPT:]:
        if not checkpoint.has_index:
            written = [file for file in checkpoint.files if file in checkpoint.record.files]  # type: ignore[union-attr]
            files = [*written, checkpoint.name + RECORD]  # the record last, as above
            remove([os.path.join(directory, file) for file in files])


def _forget(directory: str, name: str, mark: Mark) -> None:
    """Takes an unfinished save out of TensorFlow's list, if it is in it."""
    state = read_state(directory)
    if state.problem and STATE not in mark.before:
        # The save wrote it first, and a loss of power left a part: it lists nothing that was saved.
        remove([os.path.join(directory, STATE)])
    if state.problem or name not in state.names:
        return
    found = scan(directory)
    left = [other for other in state.names if other != name]
    left = [other for other in left if other in found and found[other].has_index]
    if left:
        write_state(directory, left)
    else:
        remove([os.path.join(directory, STATE)])
