"""Checkpoint files: where they are, and one tensor at a time read from them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.checkpoints.files import RECORD, STATE, UNFINISHED
from shared.checkpoints.folder import scan
from shared.checkpoints.state_file import read_state
from shared.errors import CheckpointError

INDEX_SUFFIX = ".index"
_TENSORFLOW_MARKS = re.compile(r"{{function_node .*?}} | \[Op:\w+\]")


def locate(path: str | os.PathLike[str]) -> str:
    """Returns the prefix of a checkpoint, such as `folder/model-100`.

    Args:
        path: a prefix, an `.index` file, or a folder: then the newest by its `checkpoint` file.

    Raises:
        CheckpointError: there is no checkpoint at `path`.
    """
    text = os.fspath(path)
    if os.path.isdir(text):
        return _newest(text)
    prefix = text[: -len(INDEX_SUFFIX)] if text.endswith(INDEX_SUFFIX) else text
    if not os.path.isfile(prefix + INDEX_SUFFIX):
        raise CheckpointError(
            f"{text}: expected a folder, an .index file or a prefix such as model-100; "
            f"found no file {prefix}{INDEX_SUFFIX}"
        )
    return prefix


def _newest(folder: str) -> str:
    path = os.path.join(folder, STATE)
    if not os.path.isfile(path):
        raise CheckpointError(
            f"{folder}: expected a file named {STATE} that says which is the newest; found none"
        )
    # Not `tf.train.latest_checkpoint`: the file may hold full paths of where the folder once was.
    state = read_state(folder)
    if state.newest is None:
        raise CheckpointError(
            f"{path}: expected the name of an existing checkpoint; found none: {state.problem}"
        )
    prefix = os.path.join(folder, state.newest)
    if not os.path.isfile(prefix + INDEX_SUFFIX):
        raise CheckpointError(
            f"{path}: expected the name of an existing checkpoint; found {state.newest}"
        )
    if scan(folder)[state.newest].is_unfinished:
        raise CheckpointError(f"{prefix}: expected a finished save; found {UNFINISHED} beside it")
    return prefix


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
        raise CheckpointError(f"{where}: expected {expected}; found: {reason}") from error


def read_tensor(prefix: str, key: str, dtype: Any) -> Any:
    """Reads one tensor whole, the slices of a partitioned variable put together.

    Args:
        prefix: the checkpoint.
        key: the tensor's name in the file.
        dtype: its `tf.DType`.

    Returns:
        An eager tensor on the CPU, the only copy in memory.

    Raises:
        CheckpointError: the file is damaged; TensorFlow checks a checksum of every tensor.
    """
    import tensorflow as tf

    with errors_of(prefix, key), tf.device("/CPU:0"):
        return tf.raw_ops.RestoreV2(
            prefix=prefix, tensor_names=[key], shape_and_slices=[""], dtypes=[dtype]
        )[0]


def digest(tensor: Any) -> str:
    """Returns the SHA-256 of a tensor's dtype, shape and bytes."""
    import numpy as np
    import tensorflow as tf

    content = hashlib.sha256(f"{tensor.dtype.name}{tensor.shape}".encode())
    if tensor.dtype == tf.string:  # not one stretch of memory
        content.update(tf.io.serialize_tensor(tensor).numpy())
    else:
        # Shares the tensor's memory; bytes, because NumPy has no buffers of bfloat16.
        content.update(np.asarray(tensor).reshape(-1).view(np.uint8).data)
    return content.hexdigest()


def files_of(prefix: str) -> list[Path]:
    """Returns the existing files of a checkpoint, the index first."""
    folder, name = os.path.split(prefix)
    index = Path(prefix + INDEX_SUFFIX)
    start = f"{name}.data-"
    entries = sorted(Path(folder or ".").iterdir()) if os.path.isdir(folder or ".") else []
    data = [entry for entry in entries if entry.name.startswith(start)]
    return [*([index] if index.exists() else []), *data]


def own_files_of(prefix: str) -> list[Path]:
    """Returns the existing files that the suite's scripts keep beside a checkpoint."""
    return [Path(prefix + end) for end in (RECORD, UNFINISHED) if os.path.exists(prefix + end)]
