"""Checkpoint files: where they are, and one tensor at a time read from them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.checkpoints.files import INDEX, RECORD, STATE, UNFINISHED
from shared.checkpoints.state_file import read_state
from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.index_file import is_table
from shared.tools.checkpoint_conversion.shown import shown

INDEX_SUFFIX = INDEX
SAVED_MODEL = "saved_model.pb"
_OTHER_FORMS = (".h5", ".hdf5", ".keras", ".meta", ".pb")  # what a folder without a list may hold
_SHARD = r"\.data-\d{5}-of-\d{5}"
_V1_SHARD = r"-\d{5}-of-\d{5}"
_TENSORFLOW_MARKS = re.compile(r"{{function_node .*?}} | \[Op:\w+\]")


def locate(path: str | os.PathLike[str]) -> str:
    """Returns the prefix of a checkpoint, such as `folder/model-100`, or a file of another form.

    Args:
        path: a prefix; an `.index` or `.data-…` file; a folder: then the newest by its `checkpoint`
            file, the only one there, or the variables of a SavedModel; or a file of any form that
            `sources.open_source` reads.

    Raises:
        CheckpointError: there is no checkpoint at `path`.
    """
    text = os.fspath(path)
    if os.path.isdir(text):
        return _in_folder(text)
    if os.path.basename(text) == SAVED_MODEL and os.path.isfile(text):
        return _variables_of(os.path.dirname(text))
    prefix = re.sub(rf"({re.escape(INDEX_SUFFIX)}|{_SHARD})$", "", text)
    if is_checkpoint(prefix):
        return prefix
    if os.path.isfile(text) and text == prefix:
        return text
    raise CheckpointError(
        f"{shown(text)}: expected a folder, an .index file or a prefix such as model-100; "
        f"found no file {shown(prefix)}{INDEX_SUFFIX}"
    )


def is_checkpoint(prefix: str) -> bool:
    """Returns whether a Saver's or a tf.train.Checkpoint's files have this prefix."""
    return os.path.isfile(prefix + INDEX_SUFFIX) or is_v1(prefix)


def is_v1(prefix: str) -> bool:
    """Returns whether there is a checkpoint of the V1 format, which has no index, at a prefix."""
    if os.path.isfile(prefix + INDEX_SUFFIX):
        return False
    return bool(v1_files_of(prefix))


def v1_files_of(prefix: str) -> list[Path]:
    """Returns the files of a checkpoint in the V1 format: one of that name, or one a shard."""
    folder, name = os.path.split(prefix)
    if os.path.isfile(prefix):
        return [Path(prefix)] if is_table(prefix) else []
    found = _entries(folder, re.compile(re.escape(name) + _V1_SHARD))
    return [file for file in found if is_table(str(file))]


def _entries(folder: str, pattern: re.Pattern[str]) -> list[Path]:
    """Returns the files of a folder whose whole name a pattern matches."""
    entries = sorted(Path(folder or ".").iterdir()) if os.path.isdir(folder or ".") else []
    return [entry for entry in entries if pattern.fullmatch(entry.name) and entry.is_file()]


def _variables_of(folder: str) -> str:
    prefix = os.path.join(folder, "variables", "variables")
    if not os.path.isfile(prefix + INDEX_SUFFIX):
        raise CheckpointError(
            f"{shown(folder)}: expected a SavedModel with variables; found no file "
            f"{shown(prefix)}{INDEX_SUFFIX}"
        )
    return prefix


def _in_folder(folder: str) -> str:
    if os.path.isfile(os.path.join(folder, SAVED_MODEL)):
        return _variables_of(folder)
    state = read_state(folder)
    # Not `tf.train.latest_checkpoint`: the file may hold full paths of where the folder once was.
    if state.newest is None:
        return _only_one(folder, state.problem or "it names none")
    prefix = os.path.join(folder, state.newest)
    if "\0" in prefix or not is_checkpoint(prefix):
        raise CheckpointError(
            f"{shown(os.path.join(folder, STATE))}: expected the name of an existing checkpoint; "
            f"found {shown(state.newest)}"
        )
    _require_finished(prefix)
    return prefix


def _require_finished(prefix: str) -> None:
    # A record is written when a save is complete, and the mark is removed after it.
    if os.path.exists(prefix + UNFINISHED) and not os.path.exists(prefix + RECORD):
        raise CheckpointError(
            f"{shown(prefix)}: expected a finished save; found {UNFINISHED} beside it"
        )


def _only_one(folder: str, problem: str) -> str:
    """Returns the checkpoint of a folder that has one, where no list names the newest."""
    indices = _entries(folder, re.compile(rf".+{re.escape(INDEX_SUFFIX)}", re.DOTALL))
    prefixes = {str(path)[: -len(INDEX_SUFFIX)] for path in indices}
    if not prefixes:
        prefixes = {
            re.sub(f"{_V1_SHARD}$", "", str(path))
            for path in _entries(folder, re.compile("[^.]+", re.DOTALL))
            if is_table(str(path))
        }
    if len(prefixes) == 1:
        (prefix,) = prefixes
        _require_finished(prefix)
        return prefix
    raise CheckpointError(_no_newest(folder, problem, sorted(map(os.path.basename, prefixes))))


def _no_newest(folder: str, problem: str, names: list[str]) -> str:
    place = shown(os.path.join(folder, STATE))
    if names:
        several = f"{len(names)} checkpoints ({shown(', '.join(names))}), so name one"
        return f"{place}: expected the name of the newest; {problem}; found {several}"
    others = [entry.name for entry in _entries(folder, re.compile(".+", re.DOTALL))]
    others = [name for name in others if name.endswith(_OTHER_FORMS)]
    models = [name for name in os.listdir(folder) if _has_saved_model(os.path.join(folder, name))]
    found = f"none, but {shown(', '.join(sorted([*others, *models])))}: name it"
    return f"{place}: expected the name of an existing checkpoint; {problem}; found " + (
        found if others or models else "no checkpoint in the folder"
    )


def _has_saved_model(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, SAVED_MODEL))


@contextlib.contextmanager
def errors_of(
    prefix: str, name: str = "", expected: str = "an intact checkpoint"
) -> Iterator[None]:
    """Turns what TensorFlow and the file system raise into a CheckpointError.

    Args:
        prefix: the checkpoint that is read or written.
        name: the variable, if it is one.
        expected: what did not hold.
    """
    import tensorflow as tf

    try:
        yield
    # A truncated index raises an IndexError, some unreadable files a ValueError or RuntimeError.
    except (tf.errors.OpError, OSError, IndexError, ValueError, RuntimeError) as error:
        text = _TENSORFLOW_MARKS.sub("", str(error)).strip()
        reason = (text or type(error).__name__).splitlines()[0]
        where = f"{prefix}: {name}" if name else prefix
        raise CheckpointError(
            f"{shown(where)}: expected {expected}; found: {shown(reason)}"
        ) from error


def read_tensor(prefix: str, key: str, dtype: Any, part: str = "") -> Any:
    """Reads one tensor whole, the slices of a partitioned variable put together.

    Args:
        prefix: the checkpoint.
        key: the tensor's name in the file.
        dtype: its `tf.DType`.
        part: which slice of it, in TensorFlow's notation: "7 2 0,3:0,2"; empty for all of it.

    Returns:
        An eager tensor on the CPU, the only copy in memory.

    Raises:
        CheckpointError: the file is damaged; TensorFlow checks a checksum of every tensor.
    """
    import tensorflow as tf

    with errors_of(prefix, key), tf.device("/CPU:0"):
        return tf.raw_ops.RestoreV2(
            prefix=prefix, tensor_names=[key], shape_and_slices=[part], dtypes=[dtype]
        )[0]


def digest(tensor: Any) -> str:
    """Returns the SHA-256 of a tensor's dtype, shape and bytes."""
    import numpy as np
    import tensorflow as tf

    content = hashlib.sha256(f"{tensor.dtype.name}{tensor.shape}".encode())
    if tensor.dtype in (tf.string, tf.variant):  # not one stretch of memory
        content.update(tf.io.serialize_tensor(tensor).numpy())
    else:
        # Shares the tensor's memory; bytes, because NumPy has no buffers of bfloat16.
        content.update(np.asarray(tensor).reshape(-1).view(np.uint8).data)
    return content.hexdigest()


def files_of(prefix: str) -> list[Path]:
    """Returns the existing files of a checkpoint, the index first."""
    folder, name = os.path.split(prefix)
    index = Path(prefix + INDEX_SUFFIX)
    data = _entries(folder, re.compile(re.escape(name) + _SHARD))
    return [*([index] if index.is_file() else []), *data]


def own_files_of(prefix: str) -> list[Path]:
    """Returns the existing files that the suite's scripts keep beside a checkpoint."""
    return [Path(prefix + end) for end in (RECORD, UNFINISHED) if os.path.exists(prefix + end)]
