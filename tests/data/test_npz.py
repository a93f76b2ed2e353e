"""A damaged or malicious .npz file is refused in a line, and costs neither memory nor safety."""

import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data.idx import MAX_BYTES
from shared.data.image_files import read_npz
from shared.errors import DataError

ARRAYS = {
    "x_train": np.zeros((2, 28, 28), np.uint8),
    "y_train": np.array([3, 0], dtype=np.uint8),
    "x_test": np.zeros((1, 28, 28), np.uint8),
    "y_test": np.array([9], dtype=np.uint8),
}


def write_npz(path: Path, **changes: np.ndarray | None) -> str:
    """Writes the arrays, some changed, or left out if None."""
    arrays = {name: values for name, values in {**ARRAYS, **changes}.items() if values is not None}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    return str(path)


def refusal(path: str) -> str:
    with pytest.raises(DataError) as caught:
        read_npz(path)
    message = str(caught.value)
    assert message.startswith(path) and "\n" not in message
    return message


class Trap:
    """An object that leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


def test_pickled_objects_are_not_even_loaded(tmp_path: Path) -> None:
    sprung = str(tmp_path / "sprung")
    path = write_npz(tmp_path / "trap.npz", y_test=np.array([Trap(sprung), Trap(sprung)]))
    assert "pickled objects" in refusal(path)
    assert not os.path.exists(sprung)
    with pytest.raises(FileExistsError):  # the second of the two: the trap does work
        np.load(path, allow_pickle=True)["y_test"]


def npy_header(shape: tuple[int, ...], version: bytes = b"\1\0") -> bytes:
    header = repr({"descr": "|u1", "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header


BAD_MEMBERS = {
    "more bytes than it may have": (npy_header((MAX_BYTES, 9)), f"at most {MAX_BYTES} bytes", "9]"),
    "more claimed than there is": (npy_header((300_000, 28, 28)), "235200000 bytes", "only 0"),
    "a byte too many": (npy_header((1, 28, 28)) + bytes(785), "784 bytes", "trailing bytes"),
    "a small bomb": (npy_header((1, 28, 28)) + bytes(2**23), "784 bytes", "trailing bytes"),
    "a small bomb for a header": (npy_header((), b"\2\0") + bytes(2**23), "1.0", "2.0"),
    "a bomb": (npy_header((1, 28, 28)) + bytes(2**26), "64 times its packed", "671"),
    "a bomb in place of a header": (
        npy_header((), b"\2\0") + bytes(2**26),
        "64 times its packed",
        "671",
    ),
    "not NumPy's": (b"\x89PNG" + bytes(100), "a whole .npz file", "magic string"),
    "an unreadable header": (b"\x93NUMPY\1\0\4\0((((", "a whole .npz file", "a fault"),
}


@pytest.mark.parametrize(("content", "expected", "found"), BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_a_bad_member_of_an_npz_file_costs_no_memory(
    tmp_path: Path, content: bytes, expected: str, found: str
) -> None:
    path = write_npz(tmp_path / "bad.npz", x_test=None)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_test.npy", content)
    tracemalloc.start()
    try:
        before, after = refusal(path).split(", found ", 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert expected in before and found in after
    assert peak < 2**22  # half of the small bombs


def packed(path: Path, method: int, train: int, test: int) -> str:
    """Writes blank images, which pack to next to nothing."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for part, count in (("train", train), ("test", test)):
            archive.writestr(f"x_{part}.npy", npy_header((count, 28, 28)) + bytes(784 * count))
            archive.writestr(f"y_{part}.npy", npy_header((count,)) + bytes(count))
    return str(path)


@pytest.mark.parametrize(
    "method",
    [
        zipfile.ZIP_DEFLATED,
        pytest.param(zipfile.ZIP_BZIP2, marks=pytest.mark.slow),
        pytest.param(zipfile.ZIP_LZMA, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize(("train", "test"), [(60_000, 1), (1, 60_000)])
def test_a_small_file_that_fills_the_memory_is_refused_before_it_is_unpacked(
    method: int, train: int, test: int, tmp_path: Path
) -> None:
    path = packed(tmp_path / "bomb.npz", method, train, test)
    assert os.path.getsize(path) < 2**17
    tracemalloc.start()
    try:
        message = refusal(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "64 times its packed size" in message
    assert peak < 2**21  # the images are 47 MB
    assert len(read_npz(packed(tmp_path / "few.npz", method, 2000, 10)).train_images) == 2000


def test_the_four_arrays_have_one_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / "large.npz", zipfile.ZIP_STORED, 1800, 1700)
    read_npz(path)
    monkeypatch.setattr("shared.data.image_files.MAX_BYTES", 2000 * 784)  # enough for each alone
    monkeypatch.setattr("shared.data.image_files._HEADERS", 2**10)
    assert "found 2747790 bytes in x_train" in refusal(path)


# An example writes and reads one small file, a few milliseconds; a deadline of two seconds fails
# on a hang, and not on a busy machine.
mutated = settings(max_examples=300, deadline=2000)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("npz") / "some.npz"


@pytest.fixture(scope="module")
def whole(path: Path) -> bytes:
    np.savez_compressed(path, **ARRAYS)  # type: ignore[arg-type]  # as above
    return path.read_bytes()


@mutated
@given(data=st.data(), flip=st.integers(1, 255))
def test_a_file_with_one_byte_changed_is_refused_or_harmless(
    path: Path, whole: bytes, data: st.DataObject, flip: int
) -> None:
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= flip
    path.write_bytes(changed)
    try:
        images = read_npz(str(path))
    except DataError as error:
        assert str(path) in str(error)
        return
    for found, expected in zip(images, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(found, expected)


@mutated
@given(data=st.data())
def test_a_file_that_ends_early_is_refused(path: Path, whole: bytes, data: st.DataObject) -> None:
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert "expected a whole .npz file" in refusal(str(path))
