"""Writes a planned checkpoint: tensor by tensor, beside the target, read back, then renamed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.checkpoints.files import STATE, sync, write_durably
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion.contents import Contents, describe
from shared.tools.checkpoint_conversion.files import (
    INDEX_SUFFIX,
    digest,
    errors_of,
    files_of,
    own_files_of,
    read_tensor,
)
from shared.tools.checkpoint_conversion.object_based import GRAPH_KEY
from shared.tools.checkpoint_conversion.plan import Plan

_SHARD_BYTES = 32 * 2**20  # at most this much, or one tensor, is in memory at a time
_WRITABLE = "a folder to write to, with room"


def target_prefix(destination: str, source_path: str, source: Contents) -> str:
    """Returns the prefix to write: from folder to folder, or into one, the source's own name.

    Args:
        destination: a prefix or a folder, which ends in a slash or exists.
        source_path: what was given as the source: where it is a folder, so is the destination.
        source: what was found there.

    Raises:
        UsageError: the destination is empty.
    """
    if not destination:
        raise UsageError("DST: expected a prefix or a folder; found ''")
    into_folder = destination.endswith(os.sep) or os.path.isdir(destination)
    if into_folder or os.path.isdir(source_path):
        return os.path.join(destination, os.path.basename(source.prefix))
    return destination


def require_free(prefix: str, source: Contents, force: bool) -> None:
    """Raises CheckpointError when writing to `prefix` would lose something."""
    if os.path.realpath(prefix) == os.path.realpath(source.prefix):
        raise CheckpointError(f"{prefix}: expected another place than the source; found the source")
    existing = files_of(prefix)
    if existing and not force:
        raise CheckpointError(
            f"{prefix}: expected no checkpoint there, or --force; found {existing[0].name}"
        )
    _state(os.path.dirname(prefix) or ".")


def write_checkpoint(plan: Plan, prefix: str, force: bool = False) -> None:
    """Writes a plan's target; afterwards it is the newest in its folder's `checkpoint` file.

    Memory: the largest tensor or 32 MiB, whichever is more, beside TensorFlow itself.

    Args:
        plan: what to write.
        prefix: where, such as `folder/model-100`.
        force: whether to replace a checkpoint of that name.

    Raises:
        CheckpointError: the target exists, the disk is full, what was read back is not what was
            written, or the source is damaged. Nothing of the target is left then.
    """
    require_free(prefix, plan.source, force)
    folder = os.path.dirname(prefix) or "."
    with errors_of(prefix, expected=_WRITABLE):
        os.makedirs(folder, exist_ok=True)
        _clear_stale(folder, os.path.basename(prefix))
        beside = tempfile.mkdtemp(prefix=f".{os.path.basename(prefix)}.", dir=folder)
    lock = _lock(beside)
    try:
        temporary = os.path.join(beside, os.path.basename(prefix))
        with errors_of(prefix, expected=_WRITABLE):
            digests = _write_shards(plan, temporary, beside)
        _verify(plan, temporary, digests, prefix)
        with errors_of(prefix, expected=_WRITABLE):
            _move(temporary, prefix)
            _make_newest(prefix)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _clear_stale(folder: str, name: str) -> None:
    """Deletes what killed conversions to the same target left: nobody holds its lock."""
    for entry in os.scandir(folder):
        ours = re.fullmatch(rf"\.{re.escape(name)}\.[a-z0-9_]{{8}}", entry.name)
        if ours and entry.is_dir(follow_symlinks=False):
            lock = _lock(entry.path)
            if lock is not None:
                shutil.rmtree(entry.path, ignore_errors=True)
                os.close(lock)


def _lock(folder: str) -> int | None:
    """Locks a folder until the descriptor is closed or the process ends; None where it is taken."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _write_shards(plan: Plan, temporary: str, folder: str) -> dict[str, str]:
    """Writes the tensors in files of some size and joins these; returns digests by key."""
    import tensorflow as tf

    shards = _Shards(folder)
    with tf.device("/CPU:0"):
        if plan.template.graph is not None:
            shards.add(GRAPH_KEY, 0, lambda: tf.constant(plan.template.graph))
        for write in plan.writes:
            shards.add(write.target.key, write.target.bytes() or 0, write.value)
        shards.flush()
        tf.raw_ops.MergeV2Checkpoints(  # renames the files of data and joins the indices
            checkpoint_prefixes=shards.prefixes, destination_prefix=temporary, delete_old_dirs=False
        )
    return shards.digests


class _Shards:
    """Checkpoints of a part of the tensors each."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.prefixes: list[str] = []
        self.digests: dict[str, str] = {}
        self.waiting: dict[str, Any] = {}
        self.waiting_bytes = 0

    def add(self, key: str, size: int, value: Callable[[], Any]) -> None:
        """Adds a tensor of `size` bytes; its value is read when there is room for it."""
        if self.waiting and self.waiting_bytes + size > _SHARD_BYTES:
            self.flush()
        self.waiting[key] = value()
        self.digests[key] = digest(self.waiting[key])
        self.waiting_bytes += size

    def flush(self) -> None:
        """Writes what waits as one checkpoint."""
        import tensorflow as tf

        self.prefixes.append(os.path.join(self.folder, f"part-{len(self.prefixes)}"))
        tf.raw_ops.SaveV2(
            prefix=self.prefixes[-1],
            tensor_names=list(self.waiting),
            shape_and_slices=[""] * len(self.waiting),
            tensors=list(self.waiting.values()),
        )
        self.waiting.clear()
        self.waiting_bytes = 0


def _verify(plan: Plan, temporary: str, digests: dict[str, str], prefix: str) -> None:
    """Raises CheckpointError unless the files hold what was to be written, bit for bit."""
    import tensorflow as tf

    written = describe(temporary)
    expected = {write.target.name: write.target.type() for write in plan.writes}
    found = {name: variable.type() for name, variable in written.variables.items()}
    if expected != found or written.graph != plan.template.graph:
        differing = sorted(expected.items() ^ found.items())
        raise CheckpointError(f"{prefix}: expected what was planned; found other: {differing}")
    for name, variable in written.variables.items():
        tensor = read_tensor(temporary, variable.key, tf.as_dtype(variable.dtype))
        if digest(tensor) != digests[variable.key]:
            raise CheckpointError(
                f"{prefix}: {name}: expected the bytes that were written; found others"
            )


def _move(temporary: str, prefix: str) -> None:
    """Moves a checkpoint to its place; the index last: without one there is no checkpoint."""
    # The record last: it says that what is there is damaged while it is half gone.
    for old in (*files_of(prefix), *own_files_of(prefix)):
        old.unlink()
    index, *data = files_of(temporary)
    for file in (*data, index):
        sync(file)
        target = prefix + file.name[len(os.path.basename(temporary)) :]
        os.replace(file, target)
    sync(os.path.dirname(prefix) or ".")


def _state(folder: str) -> Any:
    """Returns a folder's `checkpoint` file, None if there is none.

    Raises:
        CheckpointError: it cannot be read.
    """
    import tensorflow as tf

    path = os.path.join(folder, STATE)
    state = tf.train.get_checkpoint_state(folder)
    if state is None and os.path.exists(path):
        raise CheckpointError(f"{path}: expected a list of checkpoints; found a damaged file")
    return state


def _make_newest(prefix: str) -> None:
    """Names a checkpoint as the newest in its folder's `checkpoint` file."""
    import tensorflow as tf

    folder, name = os.path.dirname(prefix) or ".", os.path.basename(prefix)
    state = _state(folder)
    known = [os.path.basename(path) for path in state.all_model_checkpoint_paths] if state else []
    names = [*(other for other in known if other != name), name]
    new = tf.compat.v1.train.generate_checkpoint_state_proto(folder, prefix)
    new.model_checkpoint_path = name  # relative: the folder may be moved
    new.all_model_checkpoint_paths[:] = names
    # A CheckpointManager never deletes what is not newer than the last preserved one.
    times = [_time_of(os.path.join(folder, other)) for other in names]
    new.all_model_checkpoint_timestamps[:] = times
    timed = state and state.all_model_checkpoint_timestamps
    new.last_preserved_timestamp = state.last_preserved_timestamp if timed else min(times) - 1
    write_durably(os.path.join(folder, STATE), str(new))


def _time_of(prefix: str) -> float:
    """Returns when a checkpoint was written; long ago for one whose files are gone."""
    index = Path(prefix + INDEX_SUFFIX)
    return index.stat().st_mtime if index.exists() else 1.0
