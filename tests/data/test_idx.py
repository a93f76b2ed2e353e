"""The IDX reader takes whole files and refuses every other one in a single line."""

import gzip
import os
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data.idx import IMAGES_MAGIC, LABELS_MAGIC, MAX_BYTES, read_images, read_labels
from shared.errors import DataError

PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([7, 0, 9], dtype=np.uint8)
IMAGE_HEADER = struct.pack(">4I", IMAGES_MAGIC, *PIXELS.shape)
IMAGE_FILE = IMAGE_HEADER + PIXELS.tobytes()
LABEL_FILE = struct.pack(">2I", LABELS_MAGIC, len(LABELS)) + LABELS.tobytes()
PACKED = gzip.compress(IMAGE_FILE, mtime=0)

# An example writes and reads one small file, about a millisecond; a deadline of two seconds fails
# on a hang, and not on a busy machine.
mutated = settings(max_examples=300, deadline=2000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("idx") / "some-file")


def read_bytes(
    path: str, content: bytes | bytearray, read: Callable[[str], np.ndarray] = read_images
) -> np.ndarray:
    with open(path, "wb") as file:
        file.write(content)
    return read(path)


def images_header(*shape: int) -> bytes:
    return struct.pack(">4I", IMAGES_MAGIC, *shape)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_a_whole_file_is_read_as_it_was_written(path: str, pack: Callable[[bytes], bytes]) -> None:
    images = read_bytes(path, pack(IMAGE_FILE))
    labels = read_bytes(path, pack(LABEL_FILE), read_labels)
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(images, PIXELS)
    np.testing.assert_array_equal(labels, LABELS)


BAD_FILES = {
    "empty": (b"", "a header of 16 bytes", "the end of the file after 0"),
    "cut in the magic number": (IMAGE_FILE[:3], "a header of 16 bytes", "after 3"),
    "cut in the header": (IMAGE_FILE[:15], "a header of 16 bytes", "after 15"),
    "labels for images": (LABEL_FILE, "2051 (IDX images)", "2049 (IDX labels)"),
    "another magic number": (b"\x89PNG" + bytes(20), "2051 (IDX images)", "2303741511 (not known)"),
    "cut in the data": (IMAGE_FILE[:-1], "60 bytes for dimensions 3 x 4 x 5", "only 59"),
    "no data": (IMAGE_HEADER, "60 bytes for dimensions 3 x 4 x 5", "only 0"),
    "a byte too many": (IMAGE_FILE + b"\0", "60 bytes", "trailing bytes"),
    "no images": (images_header(0, 28, 28), "at least one value", "dimensions 0 x 28 x 28"),
    "images without rows": (images_header(9, 0, 28), "at least one value", "9 x 0 x 28"),
    "absurd dimensions": (
        images_header(2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(60),
        f"at most {MAX_BYTES} values",
        "4294967295 x 4294967295 x 4294967295",
    ),
    "more claimed than there is": (images_header(300_000, 28, 28), "235200000 bytes", "only 0"),
    "gzip: a bomb": (
        gzip.compress(images_header(60_000, 28, 28) + bytes(60_000 * 784)),
        "64 times its packed size",
        "47040000 bytes",
    ),
    "gzip: cut": (PACKED[:-12], "a whole gzip file", "ended before"),
    "gzip: cut in its check sum": (PACKED[:-3], "a whole gzip file", "ended before"),
    "gzip: cut in its header": (PACKED[:5], "a whole gzip file", "ended before"),
    "gzip: wrong check sum": (PACKED[:-8] + bytes(8), "a whole gzip file", "CRC check failed"),
    "gzip: not deflate": (PACKED[:2] + b"\7" + PACKED[3:], "a whole gzip file", "method"),
    "gzip: broken deflate": (PACKED[:10] + b"\xff" + PACKED[11:], "a whole gzip file", "fault"),
    "gzip: bytes after its end": (PACKED + b"more", "a whole gzip file", "fault"),
    "gzip: data cut before packing": (gzip.compress(IMAGE_FILE[:-1]), "60 bytes", "only 59"),
    "gzip: a byte too many": (gzip.compress(IMAGE_FILE + b"\0"), "60 bytes", "trailing bytes"),
}


@pytest.mark.parametrize(("content", "expected", "found"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_line(
    path: str, content: bytes, expected: str, found: str
) -> None:
    with pytest.raises(DataError) as refusal:
        read_bytes(path, content)
    before, after = str(refusal.value).split(", found ", 1)
    assert before.startswith(f"{path}: expected ") and expected in before
    assert found in after and "\n" not in after


def test_images_are_refused_as_labels(path: str) -> None:
    with pytest.raises(DataError, match=re.escape("2049 (IDX labels), found 2051 (IDX images)")):
        read_bytes(path, IMAGE_FILE, read_labels)


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # opened for reading, it would wait for a writer for good
    for name, expected, found in [
        ("absent", "a file", "nothing there"),
        ("", "a file", "a directory"),
        ("pipe", "a regular file", "a pipe, socket or device"),
    ]:
        path = os.path.join(tmp_path, name)
        with pytest.raises(
            DataError, match=f"^{re.escape(path)}: expected {expected}, found {found}$"
        ):
            read_images(path)


BOMB_BYTES = 2**26
HUNGRY_FILES = {
    "a header that claims 235 MB": images_header(300_000, 28, 28),
    "a gzip bomb of 64 MB": gzip.compress(IMAGE_HEADER + bytes(BOMB_BYTES)),
    "a gzip bomb in place of a header": gzip.compress(bytes(BOMB_BYTES)),
}


@pytest.mark.parametrize("content", HUNGRY_FILES.values(), ids=HUNGRY_FILES)
def test_no_memory_is_taken_on_the_word_of_a_file(path: str, content: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DataError):
            read_bytes(path, content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < BOMB_BYTES / 8  # one chunk of 1 MiB and what gzip itself holds: far less


@mutated
@given(position=st.integers(0, len(IMAGE_HEADER) - 1), flip=st.integers(1, 255))
def test_a_header_with_one_byte_changed_is_refused(path: str, position: int, flip: int) -> None:
    content = bytearray(IMAGE_FILE)
    content[position] ^= flip
    with pytest.raises(DataError):
        read_bytes(path, content)


SIZES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 10, 15, 60, 61, 2**16, 2**32 - 1])


@mutated
@given(header=st.binary(min_size=16, max_size=16) | st.builds(images_header, SIZES, SIZES, SIZES))
def test_any_header_is_refused_or_fits_the_data(path: str, header: bytes) -> None:
    try:
        images = read_bytes(path, header + PIXELS.tobytes())
    except DataError:
        return
    assert images.tobytes() == PIXELS.tobytes()


@mutated
@given(start=st.integers(0, 16), length=st.integers(1, len(IMAGE_FILE)))
def test_a_file_with_bytes_cut_out_is_refused(path: str, start: int, length: int) -> None:
    with pytest.raises(DataError):
        read_bytes(path, IMAGE_FILE[:start] + IMAGE_FILE[start + length :])


@mutated
@given(position=st.integers(0, len(PACKED) - 1), flip=st.integers(1, 255))
def test_a_gzip_file_with_one_byte_changed_is_refused_or_harmless(
    path: str, position: int, flip: int
) -> None:
    content = bytearray(PACKED)
    content[position] ^= flip
    try:
        images = read_bytes(path, content)
    except DataError:
        return
    np.testing.assert_array_equal(images, PIXELS)


@mutated
@given(length=st.integers(0, len(PACKED) - 1))
def test_a_gzip_file_that_ends_early_is_refused(path: str, length: int) -> None:
    with pytest.raises(DataError):
        read_bytes(path, PACKED[:length])
