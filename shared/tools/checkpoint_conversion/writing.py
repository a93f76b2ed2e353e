"""Writes a planned checkpoint: tensor by tensor, beside the target, read back, then renamed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared.checkpoints.errors import is_utf8
from shared.checkpoints.files import STATE, sync
from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion import installing
from shared.tools.checkpoint_conversion.bundles import PATTERN_CHARACTERS
from shared.tools.checkpoint_conversion.contents import Contents, describe
from shared.tools.checkpoint_conversion.files import (
    INDEX_SUFFIX,
    digest,
    errors_of,
    files_of,
    is_v1,
)
from shared.tools.checkpoint_conversion.object_based import GRAPH_KEY
from shared.tools.checkpoint_conversion.plan import Plan, Write
from shared.tools.checkpoint_conversion.shown import shown

_SHARD_BYTES = 32 * 2**20  # at most this much, or one tensor, is in memory at a time
_WRITABLE = "a folder to write to, with room"
_CHECKPOINT_NAME = re.compile(r".+-\d+|.*\.ckpt.*")  # model-100, model.ckpt


def target_prefix(destination: str, source_path: str, source: Contents) -> str:
    """Returns the prefix to write.

    A destination that exists as a folder or ends in a slash gets the source's own name in it. So
    does one that is not there yet, where the source is a folder too, unless its name looks like
    that of a checkpoint: `model-100`, `model.ckpt`.

    Args:
        destination: a prefix or a folder.
        source_path: what was given as the source.
        source: what was found there.

    Raises:
        UsageError: the destination is empty.
    """
    if not destination:
        raise UsageError("DST: expected a prefix or a folder; found ''")
    name = os.path.basename(source.prefix)
    last = os.path.basename(destination)
    named = last == name or _CHECKPOINT_NAME.fullmatch(last)
    into_folder = destination.endswith(os.sep) or os.path.isdir(destination)
    if into_folder or (os.path.isdir(source_path) and not named):
        return os.path.join(destination, name)
    return destination


def require_free(prefix: str, source: Contents, force: bool) -> None:
    """Raises CheckpointError when writing to `prefix` would lose something or be unreadable."""
    if PATTERN_CHARACTERS.search(prefix):
        raise CheckpointError(
            f"{shown(prefix)}: expected a path without [, *, ? and \\, which TensorFlow takes for "
            "a pattern when it restores; found one"
        )
    if not is_utf8(prefix):
        raise CheckpointError(
            f"{shown(prefix)}: expected a path in UTF-8, without which TensorFlow cannot write; "
            "found bytes that are none"
        )
    if _same(prefix, source.prefix):
        raise CheckpointError(
            f"{shown(prefix)}: expected another place than the source; found the source"
        )
    installing.require_no_folder(prefix, [STATE])
    existing = files_of(prefix)
    if existing and not force:
        raise CheckpointError(
            f"{shown(prefix)}: expected no checkpoint there, or --force; "
            f"found {shown(existing[0].name)}"
        )
    if is_v1(prefix):
        raise CheckpointError(
            f"{shown(prefix)}: expected another name; found a checkpoint in the V1 format, which "
            "the new one would hide"
        )
    _state(os.path.dirname(prefix) or ".")


def _same(one: str, other: str) -> bool:
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    indices = [one + INDEX_SUFFIX, other + INDEX_SUFFIX]
    return all(map(os.path.exists, indices)) and os.path.samefile(*indices)


def write_checkpoint(plan: Plan, prefix: str, force: bool = False) -> None:
    """Writes a plan's target; afterwards it is the newest in its folder's `checkpoint` file.

    Memory: the largest tensor or 32 MiB, whichever is more, and 256 MiB for one that is transposed,
    beside TensorFlow itself. Killed at any moment, there is the old checkpoint of that name or the
    new one, whole.

    Args:
        plan: what to write.
        prefix: where, such as `folder/model-100`.
        force: whether to replace a checkpoint of that name.

    Raises:
        CheckpointError: the target exists, the disk is full, what was read back is not what was
            written, or the source is damaged. Nothing of the target is left then.
    """
    require_free(prefix, plan.source, force)
    folder, name = os.path.dirname(prefix) or ".", os.path.basename(prefix)
    with errors_of(prefix, expected=_WRITABLE):
        os.makedirs(folder, exist_ok=True)
        installing.clear_stale(folder, name, _make_newest)
        groups = _groups(plan, installing.counts_taken(prefix), prefix)
        beside = tempfile.mkdtemp(prefix=f".{name}.", dir=folder)
    lock = installing.lock(beside)
    try:
        temporary = os.path.join(beside, name)
        with errors_of(prefix, expected=_WRITABLE):
            installing.begin(beside, prefix)
            digests, types = _write_shards(plan, groups, temporary, beside)
        _verify(plan, temporary, digests, types, prefix)
        with errors_of(prefix, expected=_WRITABLE):
            installing.install(temporary, prefix, beside)
            _make_newest(prefix, beside)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _groups(plan: Plan, taken: set[int], prefix: str) -> list[list[Write]]:
    """Returns which tensors go into one data file: as many files as no checkpoint there has."""
    groups: list[list[Write]] = [[]]
    size = 0
    for write in plan.writes:
        own = write.target.bytes() or 0
        if groups[-1] and size + own > _SHARD_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(write)
        size += own
    graphs = 0 if plan.template.graph is None else 1  # it is in the first file
    while len(groups) in taken:
        tensors = [len(group) + (graphs if place == 0 else 0) for place, group in enumerate(groups)]
        place = tensors.index(max(tensors))
        if tensors[place] < 2:
            raise CheckpointError(
                f"{shown(prefix)}: expected another name: the checkpoint there has as many files "
                "as the new one has tensors, so that no step replaces it as a whole; found it taken"
            )
        middle = len(groups[place]) // 2
        groups[place : place + 1] = [groups[place][:middle], groups[place][middle:]]
    return groups


def _write_shards(
    plan: Plan, groups: Sequence[Sequence[Write]], temporary: str, folder: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Writes the groups in a file each and joins these; returns digests and types by key."""
    import tensorflow as tf

    shards = _Shards(folder)
    with tf.device("/CPU:0"):
        if plan.template.graph is not None:
            shards.add(GRAPH_KEY, "", lambda: tf.constant(plan.template.graph))
        for group in groups:
            for write in group:
                part = write.target.part
                shards.add(write.target.key, part.spec() if part else "", write.value)
            shards.flush()
        tf.raw_ops.MergeV2Checkpoints(  # renames the files of data and joins the indices
            checkpoint_prefixes=shards.prefixes, destination_prefix=temporary, delete_old_dirs=False
        )
    return shards.digests, shards.types


class _Shards:
    """Checkpoints of a part of the tensors each."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.prefixes: list[str] = []
        self.digests: dict[str, str] = {}
        self.types: dict[str, str] = {}
        self.waiting: dict[str, Any] = {}
        self.parts: dict[str, str] = {}

    def add(self, key: str, part: str, value: Callable[[], Any]) -> None:
        """Adds a tensor, or the slice of one that `part` names in TensorFlow's notation."""
        tensor = value()
        self.waiting[key] = tensor
        self.parts[key] = part
        self.digests[key] = digest(tensor)
        self.types[key] = f"{tensor.dtype.name} {list(tensor.shape)}"

    def flush(self) -> None:
        """Writes what waits as one checkpoint."""
        import tensorflow as tf

        self.prefixes.append(os.path.join(self.folder, f"part-{len(self.prefixes)}"))
        tf.raw_ops.SaveV2(
            prefix=self.prefixes[-1],
            tensor_names=list(self.waiting),
            shape_and_slices=[self.parts[key] for key in self.waiting],
            tensors=list(self.waiting.values()),
        )
        self.waiting.clear()
        self.parts.clear()


def _verify(
    plan: Plan, temporary: str, digests: dict[str, str], types: dict[str, str], prefix: str
) -> None:
    """Raises CheckpointError unless the files hold what was to be written, bit for bit."""
    written = describe(temporary)
    # A hash table has as many rows as the source gives it; of all else the template knows.
    expected = {
        write.target.key: types[write.target.key]
        if write.target.has_any_length()
        else write.target.type()
        for write in plan.writes
    }
    found = {variable.key: variable.type() for variable in written.variables.values()}
    if expected != found or written.graph != plan.template.graph:
        differing = sorted(expected.items() ^ found.items())
        raise CheckpointError(
            f"{shown(prefix)}: expected what was planned; found other: {shown(differing)}"
        )
    for name, variable in written.variables.items():
        if digest(written.read(name)) != digests[variable.key]:
            raise CheckpointError(
                f"{shown(prefix)}: {shown(name)}: expected the bytes that were written; found "
                "others"
            )


def _state(folder: str) -> Any:
    """Returns a folder's `checkpoint` file, None if there is none.

    Raises:
        CheckpointError: it cannot be read.
    """
    import tensorflow as tf

    path = os.path.join(folder, STATE)
    state = tf.train.get_checkpoint_state(folder)
    if state is None and os.path.exists(path):
        raise CheckpointError(
            f"{shown(path)}: expected a list of checkpoints; found a damaged file"
        )
    return state


def _make_newest(prefix: str, beside: str | None = None) -> None:
    """Names a checkpoint as the newest in its folder's `checkpoint` file.

    Args:
        prefix: the checkpoint.
        beside: a folder of our own on the same disk, to write in.
    """
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
    with tempfile.TemporaryDirectory(dir=beside or folder) as own:
        partial = os.path.join(own, STATE)
        Path(partial).write_text(str(new), encoding="utf-8")
        sync(partial)
        os.replace(partial, os.path.join(folder, STATE))
    sync(folder)


def _time_of(prefix: str) -> float:
    """Returns when a checkpoint was written; long ago for one whose files are gone."""
    index = Path(prefix + INDEX_SUFFIX)
    return index.stat().st_mtime if index.exists() else 1.0
