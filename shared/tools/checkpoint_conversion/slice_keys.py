"""The keys under which an index lists the slices of a partitioned variable.

Source: EncodeTensorNameSlice in tensorflow/core/util/saved_tensor_slice_util.cc, with the encodings
of tensorflow/core/lib/strings/ordered_code.cc, by which keys sort as their slices do.
"""

from __future__ import annotations

from collections.abc import Sequence

_WHOLE_AXIS = -1  # TensorFlow's length of an axis that is not cut
_ESCAPES = {0: b"\0\xff", 255: b"\xff\0"}
_END = b"\0\1"  # of a text


def slice_key(name: bytes, extents: Sequence[tuple[int, int | None]]) -> bytes:
    """Returns the key of a slice.

    Args:
        name: of the variable.
        extents: start and length along each axis; a length of None where it is not cut.
    """
    text = b"".join(_ESCAPES.get(byte, bytes([byte])) for byte in name)
    numbers = [
        _signed(number)
        for start, length in extents
        for number in (start, _WHOLE_AXIS if length is None else length)
    ]
    return b"\0" + text + _END + bytes([1, len(extents)]) + b"".join(numbers)


def _signed(number: int) -> bytes:
    """Encodes a number: as many leading bits as it has bytes are 1, or 0 for a negative one."""
    size = 1
    while not -(2 ** (7 * size - 1)) <= number < 2 ** (7 * size - 1):
        size += 1
    ones = 0xFFFF << (16 - size) & 0xFFFF
    header = (ones << 64).to_bytes(10, "big")[:size]
    plain = number.to_bytes(10, "big", signed=True)[-size:]
    return bytes(one ^ other for one, other in zip(header, plain, strict=True))
