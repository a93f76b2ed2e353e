"""Checkpoints as TensorFlow writes them: an index and data files, or the older V1 format."""

from __future__ import annotations

import functools
import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.files import (
    INDEX_SUFFIX,
    errors_of,
    files_of,
    is_v1,
    read_tensor,
    v1_files_of,
)
from shared.tools.checkpoint_conversion.index_file import Index, Part, Piece, read_index
from shared.tools.checkpoint_conversion.row_blocks import Rows, is_large, joined, tensor
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import BUNDLE, V1_FILE, Entry

PATTERN_CHARACTERS = re.compile(r"[*?\[\\]")  # TensorFlow takes a prefix with one for a pattern


class Bundle:
    """A checkpoint of a Saver or a tf.train.Checkpoint; see `sources.Source`."""

    def __init__(self, prefix: str) -> None:
        """Opens a checkpoint.

        Raises:
            CheckpointError: its index is damaged, or a data file is missing or too short.
        """
        import tensorflow as tf

        self.path = prefix
        self.form = V1_FILE if is_v1(prefix) else BUNDLE
        self.plain = plain_prefix(prefix)
        index = None if self.form == V1_FILE else self._intact_index()
        parts, partitions = (index.parts, index.partitions) if index else ({}, {})
        with errors_of(prefix):
            reader = tf.train.load_checkpoint(self.plain)
            shapes = reader.get_variable_to_shape_map()
            dtypes = reader.get_variable_to_dtype_map()
        entries = {}
        for name in sorted(shapes):
            shape, part = tuple(shapes[name]), parts.get(name)
            if part is not None and len(part.slices) == 1:
                shape = tuple(length for _, length in part.slices[0])
            entries[name] = Entry(name, shape, dtypes[name].name, part, partitions.get(name, 1))
        self.entries: Mapping[str, Entry] = entries
        self._index = index
        self._checked: set[str] = set()

    def _intact_index(self) -> Index:
        with errors_of(self.path):
            index = read_index(self.path + INDEX_SUFFIX)
            lengths = {path.name: path.stat().st_size for path in files_of(self.path)}
        for shard in range(index.shards):
            name = f"{os.path.basename(self.path)}.data-{shard:05}-of-{index.shards:05}"
            expected = f"{shown(self.path)}: expected a file {shown(name)}, which the index names"
            if name not in lengths:
                raise CheckpointError(f"{expected}; found: no such file")
            needed = index.bytes.get(shard, 0)
            if lengths[name] < needed:
                raise CheckpointError(f"{expected}, of {needed} bytes; found {lengths[name]}")
        return index

    def read(self, key: str) -> Any:
        """Reads a tensor, or the slice of it that is there."""
        import tensorflow as tf

        entry = self.entries[key]
        spec = ""
        if entry.part is not None:
            if len(entry.part.slices) > 1:
                raise CheckpointError(
                    f"{shown(self.path)}: {shown(key)}: expected all of a variable or one slice of "
                    f"it; found {entry.part.text()}"
                )
            spec = entry.part.spec()
        elif entry.partitions > 1 and (rows := self.rows(key)) is not None:
            return tensor(rows)  # TensorFlow would hold a slice beside all of it
        with errors_of(self.path, key):
            return read_tensor(self.plain, key, tf.as_dtype(entry.dtype), spec)

    def rows(self, key: str) -> Rows | None:
        """Returns a large tensor as rows that are read when needed; None for any other.

        Raises:
            CheckpointError: it is damaged. TensorFlow checks its checksum as it reads all of it,
                or all of a slice, which is in memory only for that time.
        """
        import tensorflow as tf

        entry, pieces = self.entries[key], self._index.pieces.get(key) if self._index else None
        dtype = np.dtype(tf.as_dtype(entry.dtype).as_numpy_dtype)
        if not pieces or not is_large(entry.shape, dtype) or entry.part is not None:
            return None
        if sum(piece.bytes for piece in pieces) != math.prod(entry.shape) * dtype.itemsize:
            return None
        if key not in self._checked:
            self._check(entry, pieces)
            self._checked.add(key)
        arrays = [self._stretch(entry, dtype, piece) for piece in pieces]
        return joined(arrays)

    def _check(self, entry: Entry, pieces: Sequence[Piece]) -> None:
        """Lets TensorFlow read each piece of a tensor, with its checksum."""
        import tensorflow as tf

        start = 0
        for piece in pieces:
            spec = ""
            if piece.rows is not None:
                extents = ((start, piece.rows), *((0, size) for size in entry.shape[1:]))
                spec = Part(entry.shape, (extents,)).spec()
                start += piece.rows
            read_tensor(self.plain, entry.key, tf.as_dtype(entry.dtype), spec)

    def _stretch(self, entry: Entry, dtype: np.dtype, piece: Piece) -> Rows:
        assert self._index is not None
        file = f"{self.path}.data-{piece.shard:05}-of-{self._index.shards:05}"

        def elements(first: int, last: int) -> np.ndarray:
            with errors_of(self.path, entry.key), open(file, "rb") as data:
                data.seek(piece.offset + first * dtype.itemsize)
                return np.frombuffer(data.read((last - first) * dtype.itemsize), dtype)

        length = entry.shape[0] if piece.rows is None else piece.rows
        return Rows.of_elements((length, *entry.shape[1:]), dtype, elements)


@functools.cache
def plain_prefix(prefix: str) -> str:
    """Returns a prefix that TensorFlow reads as it stands, through links where it must be.

    TensorFlow reads `[`, `*` and `?` as a shell does, so that it finds no checkpoint whose name or
    folder has one.
    """
    name = os.path.basename(prefix)
    files = v1_files_of(prefix) if is_v1(prefix) else files_of(prefix)
    if PATTERN_CHARACTERS.search(prefix):
        folder = tempfile.TemporaryDirectory(prefix="pairs-")
        _links.append(folder)
        for file in files:
            Path(folder.name, f"model{file.name[len(name) :]}").symlink_to(file.absolute())
        prefix, name = os.path.join(folder.name, "model"), "model"
    if is_v1(prefix) and not os.path.isfile(prefix):  # a pattern, as TensorFlow 1 wrote it
        return prefix + re.sub(r"^-\d{5}", "-?????", files[0].name[-len("-00000-of-00001") :])
    return prefix


_links: list[tempfile.TemporaryDirectory[str]] = []  # deleted when Python ends
