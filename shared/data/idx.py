"""A strict reader of IDX files, the format in which MNIST is published, plain or gzipped.

The format, from "The IDX file format" on the MNIST page (http://yann.lecun.com/exdb/mnist/): a
big-endian magic number (2051: images, 2049: labels), the size of each dimension as a big-endian
32-bit number, then one unsigned byte a value and nothing after them.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import operator
import os
import struct
import zlib
from collections.abc import Iterator
from typing import IO, cast

import numpy as np

from shared.errors import DataError

IMAGES_MAGIC = 2051
LABELS_MAGIC = 2049
GZIP_MAGIC = b"\x1f\x8b"
MAX_BYTES = 2**28
"""No data set may have more pixels and labels: 340,000 images of 28 x 28, nearly five times MNIST.

As float32 they are 1 GiB.
"""
_LEAST_PACKED = 64
_ANY_PACKING = 2**24

_KINDS = {IMAGES_MAGIC: "IDX images", LABELS_MAGIC: "IDX labels"}
_DIMENSIONS = {IMAGES_MAGIC: 3, LABELS_MAGIC: 1}
_CHUNK_BYTES = 2**20


def read_images(path: str) -> np.ndarray:
    """Reads an idx3-ubyte file, recognising gzip by its first two bytes.

    Returns:
        uint8 pixels [images, rows, columns], 0 to 255.

    Raises:
        DataError: the file is missing, damaged, or anything but one whole IDX image file.
    """
    return _read(path, IMAGES_MAGIC)


def read_labels(path: str) -> np.ndarray:
    """Reads an idx1-ubyte file, recognising gzip by its first two bytes.

    Returns:
        uint8 labels [labels].

    Raises:
        DataError: the file is missing, damaged, or anything but one whole IDX label file.
    """
    return _read(path, LABELS_MAGIC)


def data_error(where: str, expected: str, found: object) -> DataError:
    """Returns the error for one fault in a data set, worded on one line."""
    return DataError(" ".join(f"{where}: expected {expected}, found {found}".splitlines()))


def require_file(path: str) -> None:
    """Raises DataError unless path is a regular file (a pipe would make a reader wait for good)."""
    if os.path.isdir(path):
        raise data_error(path, "a file", "a directory")
    if not os.path.exists(path):
        raise data_error(path, "a file", "nothing there")
    if not os.path.isfile(path):
        raise data_error(path, "a regular file", "a pipe, socket or device")


def read_at_most(stream: IO[bytes], limit: int) -> bytearray:
    """Reads to the end or to limit bytes; memory grows with what is there, not with the limit."""
    content = bytearray()
    while len(content) < limit:
        chunk = stream.read(min(_CHUNK_BYTES, limit - len(content)))
        if not chunk:
            break
        content += chunk
    return content


def check_packing(where: str, size: int, packed: int) -> None:
    """Raises DataError when `packed` bytes claim to hold far more, before they are unpacked.

    Images of digits or clothes pack to a third, and drawn ones to a twentieth of their size; what
    packs to less than a 64th is empty, and made to fill the memory. Up to 16 MiB it may be.
    """
    if size > _ANY_PACKING and size > _LEAST_PACKED * packed:
        expected = f"at most {_LEAST_PACKED * packed} bytes, {_LEAST_PACKED} times its packed size"
        raise data_error(where, expected, f"{size} bytes")


def product(shape: tuple[int, ...]) -> int:
    """Returns the number of values of a shape, exactly: NumPy's product would overflow."""
    return functools.reduce(operator.mul, shape, 1)


def _read(path: str, magic: int) -> np.ndarray:
    with _opened(path) as stream:
        shape = _read_shape(stream, path, magic)
        return _read_values(stream, path, shape)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    """Opens path for reading, unpacked if gzipped; a fault met on the way becomes a DataError."""
    require_file(path)
    expected = "a readable file"
    try:
        with open(path, "rb") as raw:
            gzipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            raw.seek(0)
            if not gzipped:
                yield raw
                return
            expected = "a whole gzip file"
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("IO[bytes]", unpacked)
    except (OSError, EOFError, zlib.error) as error:
        raise data_error(path, expected, f"a fault: {error}") from error


def _read_shape(stream: IO[bytes], path: str, magic: int) -> tuple[int, ...]:
    dimensions = _DIMENSIONS[magic]
    header = read_at_most(stream, 4 * (1 + dimensions))
    if len(header) >= 4:
        (found,) = struct.unpack_from(">I", header)
        if found != magic:
            expected = f"magic number {magic} ({_KINDS[magic]})"
            raise data_error(path, expected, f"{found} ({_KINDS.get(found, 'not known')})")
    if len(header) < 4 * (1 + dimensions):
        expected = f"a header of {4 * (1 + dimensions)} bytes"
        raise data_error(path, expected, f"the end of the file after {len(header)}")
    return struct.unpack_from(f">{dimensions}I", header, 4)


def _read_values(stream: IO[bytes], path: str, shape: tuple[int, ...]) -> np.ndarray:
    size = product(shape)
    dimensions = " x ".join(map(str, shape))
    if size == 0:
        raise data_error(path, "at least one value", f"dimensions {dimensions}")
    if size > MAX_BYTES:
        raise data_error(path, f"at most {MAX_BYTES} values", f"dimensions {dimensions}")
    if isinstance(stream, gzip.GzipFile):
        check_packing(path, size, os.path.getsize(path))
    # One byte more than the header promises: it shows trailing bytes without reading them all,
    # and asking for it makes gzip check the sum at its end.
    values = read_at_most(stream, size + 1)
    if len(values) != size:
        found = f"only {len(values)}" if len(values) < size else "trailing bytes after them"
        raise data_error(path, f"{size} bytes for dimensions {dimensions}", found)
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
