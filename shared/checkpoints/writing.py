"""What stands around a save of either style, so that it counts when it is on disk, not before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from shared.checkpoints.errors import check_folder, reason_of
from shared.checkpoints.files import (
    CHECKPOINT_NAME,
    RECORD,
    STATE,
    UNFINISHED,
    make_folder,
    remove,
    sync,
)
from shared.checkpoints.folder import newest_first, scan
from shared.checkpoints.leftovers import clear_unfinished, remove_orphaned_records
from shared.checkpoints.marks import read_mark, set_mark
from shared.checkpoints.newest import last_saved
from shared.checkpoints.records import Record, describe_files, write_record
from shared.checkpoints.state_file import read_state, write_state
from shared.errors import CheckpointError


@contextlib.contextmanager
def saving(directory: str, step: int) -> Iterator[None]:
    """Makes what TensorFlow writes inside, the checkpoint `model-STEP`, safe.

    A mark, `model-STEP.unfinished`, stands there until the files and the folder are on disk and
    the record of their lengths and checksums is. When the process ends in between, the save never
    counts, and the next training run clears it.

    Raises:
        CheckpointError: it cannot be saved. What was written of it is gone, and the checkpoints
            before it are as they were.
    """
    name = f"{CHECKPOINT_NAME}-{step}"
    try:
        _begin(directory, name)
        yield
        _finish(directory, name, step)
    except Exception as error:
        with contextlib.suppress(OSError):
            clear_unfinished(directory)
        last = _last_saved(directory)
        raise CheckpointError(
            f"{os.path.join(directory, name)}: cannot be saved: {reason_of(error)}; "
            + (f"the last checkpoint is {last}" if last else "there is no checkpoint")
        ) from error


def managed_checkpoints(directory: str) -> list[str]:
    """Returns the paths of the checkpoints that saving may delete in time, the oldest first.

    Those with a record and those that the file `checkpoint` lists: whatever else lies in the
    folder is somebody's own.
    """
    return [os.path.join(directory, name) for name in _managed(directory)]


def _managed(directory: str) -> list[str]:
    state = read_state(directory)
    return [
        checkpoint.name
        for checkpoint in reversed(newest_first(scan(directory), state))
        if checkpoint.has_index and (checkpoint.record or checkpoint.name in state.names)
    ]


def _begin(directory: str, name: str) -> None:
    check_folder(directory)
    make_folder(directory)
    if read_mark(directory, name):  # of a save of this process that an interrupt ended
        clear_unfinished(directory)
    set_mark(directory, name)
    remove([os.path.join(directory, name + RECORD)])  # of an earlier save of the same step
    names = [other for other in _managed(directory) if other != name]
    if names:  # a CheckpointManager reads it now, and believes it
        write_state(directory, names)
    sync(directory)


def _finish(directory: str, name: str, step: int) -> None:
    found = scan(directory)
    saved = found[name]
    if not saved.has_index:
        raise OSError(f"expected TensorFlow to write {name}, found no index of it")
    for file in (*saved.files, STATE):
        sync(os.path.join(directory, file))
    sync(directory)
    orders = [checkpoint.record.order for checkpoint in found.values() if checkpoint.record]
    files = describe_files(directory, saved.files)
    write_record(directory, name, Record(step, max(orders, default=0) + 1, files))
    remove([os.path.join(directory, name + UNFINISHED)])
    remove_orphaned_records(directory)


def _last_saved(directory: str) -> str | None:
    try:
        return last_saved(directory)
    except OSError:
        return None
