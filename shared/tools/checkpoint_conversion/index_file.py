"""The index of a checkpoint: where in its data files each tensor lies, and which part of it.

TensorFlow's own reader tells names, shapes and dtypes. It does not tell which data files there
must be, nor that a file holds only a slice of a variable. The index does: it is a sorted table
(tensorflow/core/lib/io/table_format.txt) of tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import dataclasses
import math
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.tools.checkpoint_conversion.slice_keys import slice_key

TABLE_MAGIC = struct.pack("<Q", 0xDB4775248B80FB57)  # the last 8 bytes of every table
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # of a block: how it is compressed, and a checksum
_HEADER_KEY = b""  # the header sorts before all tensors


@dataclasses.dataclass(frozen=True)
class Part:
    """The part of a partitioned variable that a file holds, where it does not hold all.

    Attributes:
        shape: of the whole variable.
        slices: start and length in each dimension, for each slice that is there.
    """

    shape: tuple[int, ...]
    slices: tuple[tuple[tuple[int, int], ...], ...]

    def text(self) -> str:
        """Returns the slices as Python writes them: "[0:3, :] of [7, 2]"."""
        texts = (self._range_text(extents) for extents in self.slices)
        return f"{', '.join(texts)} of {list(self.shape)}"

    def _range_text(self, extents: tuple[tuple[int, int], ...]) -> str:
        texts = (
            ":" if length == size else f"{start}:{start + length}"
            for (start, length), size in zip(extents, self.shape, strict=True)
        )
        return f"[{', '.join(texts)}]"

    def spec(self) -> str:
        """Returns what TensorFlow's operators name the first slice by: "7 2 0,3:0,2"."""
        sizes = " ".join(map(str, self.shape))
        return f"{sizes} " + ":".join(f"{start},{length}" for start, length in self.slices[0])


@dataclasses.dataclass(frozen=True)
class Piece:
    """Rows of a tensor, or all of it, that lie in one stretch of a data file.

    Attributes:
        rows: how many, along the first axis; None for all of a tensor that is not partitioned.
        shard: number of the data file.
        offset: position in it.
        bytes: how long the stretch is.
    """

    rows: int | None
    shard: int
    offset: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Index:
    """What an index says beyond names and types.

    Attributes:
        shards: how many data files there must be.
        bytes: how long each data file must be at least, by its number.
        parts: the tensors of which not all elements are there.
        partitions: into how many slices of rows a tensor is cut that is all there.
        pieces: where each tensor lies, in order of its rows.
    """

    shards: int
    bytes: dict[int, int]
    parts: dict[str, Part]
    partitions: dict[str, int] = dataclasses.field(default_factory=dict)
    pieces: dict[str, list[Piece]] = dataclasses.field(default_factory=dict)


def is_table(path: str) -> bool:
    """Returns whether a file ends as an index or a checkpoint of the V1 format does."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < _FOOTER_BYTES:
            return False
        file.seek(-len(TABLE_MAGIC), os.SEEK_END)
        return file.read() == TABLE_MAGIC


def read_index(path: str) -> Index:
    """Reads an `.index` file; raises ValueError where it is damaged, OSError where it is away."""
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        content = file.read()
    try:
        return _index(content)
    except (IndexError, struct.error, DecodeError) as error:
        raise ValueError(f"a damaged index: {error}") from error


def _index(content: bytes) -> Index:
    from tensorflow.core.protobuf import tensor_bundle_pb2

    shards, lengths, parts = 0, dict[int, int](), dict[str, Part]()
    partitions: dict[str, int] = {}
    cuts: dict[str, list[list[tuple[int, int | None]]]] = {}
    places: dict[bytes, Piece] = {}
    for key, value in _table(content):
        if key == _HEADER_KEY:
            shards = tensor_bundle_pb2.BundleHeaderProto.FromString(value).num_shards
            continue
        entry = tensor_bundle_pb2.BundleEntryProto.FromString(value)
        name = _name(key)
        if entry.slices:
            part = _part(entry)
            if part:
                parts[name] = part
            elif entry.shape.dim and _cuts_rows_alone(entry):
                partitions[name] = len(entry.slices)
                cuts[name] = [_extents(piece) for piece in entry.slices]
        else:
            places[key] = Piece(None, entry.shard_id, entry.offset, entry.size)
            end = entry.offset + entry.size
            lengths[entry.shard_id] = max(lengths.get(entry.shard_id, 0), end)
    pieces = {_name(key): [place] for key, place in places.items()}
    pieces |= {name: _cut(name, cut, places) for name, cut in cuts.items()}
    return Index(shards, lengths, parts, partitions, pieces)


def _name(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def _extents(piece: Any) -> list[tuple[int, int | None]]:
    return [(e.start, e.length if e.HasField("length") else None) for e in piece.extent]


def _cut(
    name: str, cut: Sequence[Sequence[tuple[int, int | None]]], places: Mapping[bytes, Piece]
) -> list[Piece]:
    """Returns where the slices of a variable lie, in order; none where one is not found."""
    found = []
    for extents in sorted(cut, key=lambda extents: extents[0][0]):
        place = places.get(slice_key(name.encode("utf-8", "surrogateescape"), extents))
        if place is None:
            return []
        found.append(dataclasses.replace(place, rows=extents[0][1]))
    return found


def _part(entry: Any) -> Part | None:
    """Returns which part of a partitioned variable is there; None for all of it.

    The slices of one variable never overlap: a Saver refuses to write such.
    """
    sizes = tuple(dim.size for dim in entry.shape.dim)
    slices = tuple(
        tuple(
            (extent.start, extent.length if extent.HasField("length") else size)
            for extent, size in zip(piece.extent, sizes, strict=True)
        )
        for piece in entry.slices
    )
    count = sum(math.prod(length for _, length in extents) for extents in slices)
    return Part(sizes, slices) if count < math.prod(sizes) else None


def _cuts_rows_alone(entry: Any) -> bool:
    """Whether the slices of a variable are whole rows."""
    sizes = [dim.size for dim in entry.shape.dim]
    return all(
        not extent.HasField("length") or extent.length == size
        for piece in entry.slices
        for extent, size in zip(piece.extent[1:], sizes[1:], strict=True)
    )


def _table(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a table."""
    if len(content) < _FOOTER_BYTES or not content.endswith(TABLE_MAGIC):
        raise ValueError("it does not end as a table does")
    footer = content[-_FOOTER_BYTES:]
    _, position = _handle(footer, 0)  # of an empty block
    handle, _ = _handle(footer, position)
    for _, value in _block(content, handle):
        yield from _block(content, _handle(value, 0)[0])


def _handle(content: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Reads where a block is: its offset and its length."""
    offset, position = _varint(content, position)
    length, position = _varint(content, position)
    return (offset, length), position


def _block(content: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of a block; each key omits what it shares with the one before."""
    offset, length = handle
    block = content[offset : offset + length]
    if offset + length + _TRAILER_BYTES > len(content) - _FOOTER_BYTES:
        raise ValueError("a block lies outside the file")
    if content[offset + length] != 0:
        raise ValueError("a block is compressed, which TensorFlow's are not")
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (restarts + 1)
    key, position = b"", 0
    while position < end:
        common, position = _varint(block, position)
        own, position = _varint(block, position)
        size, position = _varint(block, position)
        if common > len(key) or position + own + size > end:
            raise ValueError("an entry lies outside its block")
        key = key[:common] + block[position : position + own]
        position += own + size
        yield key, block[position - size : position]


def _varint(content: bytes, position: int) -> tuple[int, int]:
    """Reads an integer of 7 bits a byte; returns it and the position behind it."""
    value = 0
    for shift in range(0, 64, 7):
        byte = content[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("a number is longer than 64 bits")
