"""Finds the newest intact checkpoint of a folder, and says what it had to pass over."""

from __future__ import annotations

import os
from typing import Any, Callable

from shared.checkpoints.errors import checkpoint_errors, reason_of
from shared.checkpoints.files import INDEX, STATE
from shared.checkpoints.folder import Checkpoint, newest_first, scan
from shared.checkpoints.records import damage
from shared.checkpoints.state_file import State, read_state
from shared.errors import CheckpointError

Warn = Callable[[str], None]
Load = Callable[[str], Any]


def newest_checkpoint(directory: str, load: Load, warn: Warn) -> str | None:
    """Returns the path of the newest intact checkpoint; None where nothing was ever saved.

    One with a record is intact when its files are those in the record; one without, from another
    program, when TensorFlow can read every tensor of it, each of which has a checksum.

    Args:
        directory: the folder.
        load: `tf.train.load_checkpoint`.
        warn: takes a line for each newer checkpoint that is damaged or unfinished, and one for a
            file `checkpoint` that is missing, damaged or names another.

    Raises:
        CheckpointError: there are files of checkpoints, and none is intact.
    """
    with checkpoint_errors(directory):
        found, state = scan(directory), read_state(directory)
    unfinished = [checkpoint for checkpoint in found.values() if checkpoint.is_unfinished]
    candidates = newest_first(found, state)
    for checkpoint in unfinished:
        if not checkpoint_passed(checkpoint, candidates):
            warn(f"{_path(directory, checkpoint)}: its save was not finished; it is passed over")
    if not candidates:
        _require_nothing_lost(directory, state, [checkpoint.name for checkpoint in unfinished])
        return None
    problems: list[str] = []
    for checkpoint in candidates:
        problem = _damage(directory, checkpoint, load)
        if problem is None:
            _report(directory, checkpoint, problems, state, unfinished, warn)
            _report_higher(directory, checkpoint, candidates, warn)
            return _path(directory, checkpoint)
        problems.append(problem)
    raise CheckpointError(
        f"{directory}: expected an intact checkpoint, found none: {'; '.join(problems)}"
    )


def last_saved(directory: str) -> str | None:
    """Returns the path of the newest checkpoint without looking into it; None without any."""
    candidates = newest_first(scan(directory), read_state(directory))
    return _path(directory, candidates[0]) if candidates else None


def checkpoint_passed(checkpoint: Checkpoint, others: list[Checkpoint]) -> bool:
    """Returns whether a later step than that of `checkpoint` was saved."""
    return any((other.step or 0) > (checkpoint.step or 0) for other in others)


def _path(directory: str, checkpoint: Checkpoint) -> str:
    return os.path.join(directory, checkpoint.name)


def _require_nothing_lost(directory: str, state: State, unfinished: list[str]) -> None:
    """Raises CheckpointError when a file lists checkpoints that are gone: it is no new folder."""
    path = os.path.join(directory, STATE)
    if os.path.exists(path) and not set(state.names) <= set(unfinished) | {""}:
        names = ", ".join(state.names)
        raise CheckpointError(
            f"{path}: expected the checkpoints that it lists, found none: {names}"
        )
    if os.path.exists(path) and state.problem and not unfinished:
        raise CheckpointError(f"{path}: expected a list of checkpoints, found a damaged file")


def _damage(directory: str, checkpoint: Checkpoint, load: Load) -> str | None:
    """Returns what is wrong with a checkpoint, with the file or the variable, or None."""
    if checkpoint.record:
        return damage(directory, checkpoint.record)
    if not checkpoint.has_index:
        file = checkpoint.name + INDEX
        return checkpoint.record_problem or f"{file}: expected an index, found no such file"
    name = checkpoint.name
    try:
        reader = load(_path(directory, checkpoint))
        for name in sorted(reader.get_variable_to_shape_map()):
            reader.get_tensor(name)
    except Exception as error:  # of many kinds: an IndexError for a truncated file
        where = name if name == checkpoint.name else f"{checkpoint.name}: variable {name}"
        return f"{where}: expected an intact checkpoint, found: {reason_of(error)}"
    return None


def _report(
    directory: str,
    used: Checkpoint,
    problems: list[str],
    state: State,
    unfinished: list[Checkpoint],
    warn: Warn,
) -> None:
    path = _path(directory, used)
    for problem in problems:
        warn(f"{directory}: {problem}; going on from {path}")
    if used.record_problem:
        warn(f"{directory}: {used.record_problem}; TensorFlow's checksums are right")
    known = {checkpoint.name for checkpoint in unfinished}
    if state.problem:
        warn(f"{os.path.join(directory, STATE)}: {state.problem}; going on from {path}")
    elif state.newest != used.name and state.newest not in known and not problems:
        warn(
            f"{os.path.join(directory, STATE)}: it names {state.newest}, which is not the newest "
            f"here; going on from {path}"
        )


def _report_higher(
    directory: str, used: Checkpoint, candidates: list[Checkpoint], warn: Warn
) -> None:
    """Warns of checkpoints of a higher step that were put below `used`."""
    if used.step is None:
        return
    for other in candidates[candidates.index(used) + 1 :]:
        if other.step is not None and other.step > used.step:
            warn(f"{_path(directory, other)}: a higher step, but not saved last; it is passed over")
