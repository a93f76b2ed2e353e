"""Every source of digits gives the same arrays, and every fault in one is named in a line."""

import gzip
import struct
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.data.digits import SOURCES, load_digits
from shared.errors import DataError

RANDOM = np.random.RandomState(0)
ARRAYS = {
    "x_train": RANDOM.randint(0, 256, (5, 28, 28)).astype(np.uint8),
    "y_train": np.array([3, 0, 9, 9, 4], dtype=np.uint8),
    "x_test": RANDOM.randint(0, 256, (2, 28, 28)).astype(np.uint8),
    "y_test": np.array([1, 8], dtype=np.uint8),
}
IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
NAN_IMAGES = np.where(ARRAYS["x_test"] == 0, np.nan, ARRAYS["x_test"])


def write_npz(path: Path, **changes: np.ndarray | None) -> str:
    """Writes the arrays, some changed, or left out if None."""
    arrays = {name: values for name, values in {**ARRAYS, **changes}.items() if values is not None}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # no array is named allow_pickle
    return str(path)


def idx_bytes(values: np.ndarray) -> bytes:
    magic = {3: 2051, 1: 2049}[values.ndim]
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


def write_folder(
    folder: Path,
    spell: Callable[[str], str] = str,
    pack: Callable[[bytes], bytes] = bytes,
    arrays: dict[str, np.ndarray] = ARRAYS,
) -> None:
    for name, values in arrays.items():
        (folder / spell(IDX_NAMES[name])).write_bytes(pack(idx_bytes(values)))


def assert_loads_the_arrays(source: str) -> None:
    digits = load_digits(source)
    for split in ("train", "test"):
        images = getattr(digits, f"{split}_images")
        labels = getattr(digits, f"{split}_labels")
        assert images.dtype == labels.dtype == np.float32
        # Exactly: a float32 division is rounded once, and so is Python's when cut to float32.
        expected = [np.float32(pixel / 255) for pixel in ARRAYS[f"x_{split}"].ravel().tolist()]
        assert images.ravel().tolist() == expected and images.shape == (len(labels), 784)
        rows = [[float(column == label) for column in range(10)] for label in ARRAYS[f"y_{split}"]]
        assert labels.tolist() == rows


def refusal(source: str) -> str:
    with pytest.raises(DataError) as caught:
        load_digits(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("dot", [False, True], ids=["images-idx3", "images.idx3"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_folder_of_idx_files(
    tmp_path: Path, dot: bool, pack: Callable[[bytes], bytes], suffix: str
) -> None:
    write_folder(
        tmp_path, lambda name: name.replace("-idx", ".idx" if dot else "-idx") + suffix, pack
    )
    assert_loads_the_arrays(str(tmp_path))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "some.npz", **ARRAYS)
    assert_loads_the_arrays(str(tmp_path / "some.npz"))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_npz_file_packed_as_numpy_can_read_but_never_writes(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "some.npz", "w", method) as archive:
        for name, values in ARRAYS.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, values)
    assert_loads_the_arrays(str(tmp_path / "some.npz"))


def test_an_npz_file_with_fortran_order_and_wide_labels(tmp_path: Path) -> None:
    columns_first = np.asfortranarray(ARRAYS["x_train"])
    wide = ARRAYS["y_test"].astype(">i8")
    assert_loads_the_arrays(write_npz(tmp_path / "a.npz", x_train=columns_first, y_test=wide))


def with_keras(monkeypatch: pytest.MonkeyPatch, load_data: Callable[[], object]) -> None:
    """Puts a TensorFlow in place of which only Keras's loader of MNIST is there."""
    mnist = types.SimpleNamespace(load_data=load_data)
    datasets = types.SimpleNamespace(mnist=mnist)
    keras = types.SimpleNamespace(datasets=datasets)
    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(keras=keras))


def test_mnist_comes_from_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(ARRAYS["x_train"], ARRAYS["y_train"]), (ARRAYS["x_test"], ARRAYS["y_test"])]
    with_keras(monkeypatch, lambda: tuple(pairs))
    assert_loads_the_arrays("mnist")


def test_mnist_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_data() -> None:
        raise Exception("URL fetch failure on https://…/mnist.npz: None --\nno network")

    with_keras(monkeypatch, load_data)
    message = refusal("mnist")
    assert message.startswith("mnist: expected Keras to download it")
    assert "found a fault: URL fetch failure" in message and "connect to the network" in message


def test_an_unknown_source_is_told_which_exist() -> None:
    message = refusal("minst")
    assert message == f"minst: expected {SOURCES}, found nothing of that name"


def test_a_folder_that_lacks_a_file(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / IDX_NAMES["y_test"]).unlink()
    message = refusal(str(tmp_path))
    assert message.startswith(f"{tmp_path}: expected t10k-labels-idx1-ubyte or ")


BAD_ARRAYS = {
    "no such name": ({"y_test": None}, "", "an array y_test", "x_train.npy, y_train.npy, x_test"),
    "fewer labels": ({"y_test": ARRAYS["y_test"][:1]}, "y_test", "has images, 2", "1"),
    "more labels": ({"y_train": np.zeros(6, np.uint8)}, "y_train", "has images, 5", "6"),
    "label 10": ({"y_test": np.array([1, 10])}, "y_test", "from 0 to 9", "10 at index 1"),
    "label 255": ({"y_test": np.array([255, 1], np.uint8)}, "y_test", "0 to 9", "255 at index 0"),
    "label -1": ({"y_test": np.array([1, -1])}, "y_test", "from 0 to 9", "-1 at index 1"),
    "one-hot": ({"y_test": np.eye(10, dtype=int)[:2]}, "y_test", "shape [n]", "shape [2, 10]"),
    "float labels": ({"y_test": np.ones(2)}, "y_test", "an integer type", "type float64"),
    "NaN label": ({"y_test": np.array([1, np.nan])}, "y_test", "an integer type", "NaN"),
    "other size": (
        {"x_test": np.zeros((2, 32, 32), np.uint8)},
        "x_test",
        "[n, 28, 28]",
        "[2, 32, 32]",
    ),
    "flat": ({"x_test": np.zeros((2, 784), np.uint8)}, "x_test", "[n, 28, 28]", "[2, 784]"),
    "colour": ({"x_test": np.zeros((2, 28, 28, 3), np.uint8)}, "x_test", "28]", "[2, 28, 28, 3]"),
    "scalar": ({"x_test": np.uint8(3)}, "x_test", "[n, 28, 28]", "shape []"),
    "none": ({"x_test": np.zeros((0, 28, 28), np.uint8)}, "x_test", "at least one image", "none"),
    "float images": ({"x_test": np.zeros((2, 28, 28))}, "x_test", "type uint8", "type float64"),
    "NaN images": ({"x_test": NAN_IMAGES}, "x_test", "type uint8", "NaN"),
    "objects": ({"x_test": np.array([{}, None])}, "x_test", "numbers", "pickled objects"),
    "texts": ({"y_test": np.array(["one", "8"])}, "y_test", "an integer type", "type <U3"),
}


@pytest.mark.parametrize(
    ("changes", "array", "expected", "found"), BAD_ARRAYS.values(), ids=BAD_ARRAYS
)
def test_bad_arrays_in_an_npz_file(
    tmp_path: Path, changes: dict[str, np.ndarray | None], array: str, expected: str, found: str
) -> None:
    path = write_npz(tmp_path / "bad.npz", **changes)
    before, after = refusal(path).split(", found ")
    where = f"{path} ({array})" if array else path
    assert before.startswith(f"{where}: expected ") and before.endswith(expected)
    assert found in after


BAD_FOLDERS = {
    "fewer labels": ("y_test", np.zeros(1, np.uint8), "as many labels as", "1"),
    "label 10": ("y_train", np.full(5, 10, np.uint8), "from 0 to 9", "10 at index 0"),
    "other size": ("x_train", np.zeros((5, 28, 27), np.uint8), "[n, 28, 28]", "[5, 28, 27]"),
}


@pytest.mark.parametrize(
    ("name", "values", "expected", "found"), BAD_FOLDERS.values(), ids=BAD_FOLDERS
)
def test_bad_arrays_in_a_folder_are_named_by_their_file(
    tmp_path: Path, name: str, values: np.ndarray, expected: str, found: str
) -> None:
    write_folder(tmp_path, arrays={**ARRAYS, name: values})
    before, after = refusal(str(tmp_path)).split(", found ")
    assert before.startswith(f"{tmp_path / IDX_NAMES[name]}: expected ")
    assert expected in before and found in after
