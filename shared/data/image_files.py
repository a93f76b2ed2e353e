"""Sets of labelled 28 x 28 images in ten classes, as MNIST and its look-alikes are published.

Whatever the container (four IDX files, a NumPy archive, Keras's own download), the arrays come
out checked and of one form.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np

from shared.data.idx import (
    MAX_BYTES,
    check_packing,
    data_error,
    product,
    read_at_most,
    read_images,
    read_labels,
    require_file,
)
from shared.errors import DataError

CLASSES = 10
IMAGE_SHAPE = (28, 28)
NPZ_NAMES = ("x_train", "y_train", "x_test", "y_test")
_HEADERS = 2**20  # bytes that the headers of the four arrays, and labels of int64, may take
IDX_READERS = {
    "train-images": read_images,
    "train-labels": read_labels,
    "t10k-images": read_images,
    "t10k-labels": read_labels,
}


class LabelledImages(NamedTuple):
    """A training set and a test set as stored; the images of each are in the order of its labels.

    Attributes:
        train_images: uint8 pixels [n, 28, 28], 0 to 255.
        train_labels: uint8 classes [n], 0 to 9.
        test_images: uint8 pixels [m, 28, 28], 0 to 255.
        test_labels: uint8 classes [m], 0 to 9.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


class _Part(NamedTuple):
    """One of the four arrays, not yet checked, and the words that tell a user where it is."""

    where: str
    values: np.ndarray


def read_source(source: str, sample_file: str, name: str, keras_name: str) -> LabelledImages:
    """Reads labelled images from wherever a `--data` says.

    Args:
        source: "sample", `name`, or the path of a folder or file. The two names go before files:
            a folder called sample is "./sample".
        sample_file: the .npz file that "sample" stands for.
        name: what stands for the whole set, through Keras's downloader and cache.
        keras_name: the whole set's module in `keras.datasets`.

    Raises:
        DataError: the source does not exist, cannot be downloaded, or is damaged.
    """
    if source == "sample":
        return read_npz(sample_file)
    if source == name:
        return read_keras(keras_name)
    if os.path.isdir(source):
        return read_folder(source)
    if os.path.exists(source):
        return read_npz(source)
    raise data_error(source, sources(name), "nothing of that name")


def sources(name: str) -> str:
    """Returns what `read_source` takes, in the words of an error message or a --help."""
    files = "a folder with the four IDX files, or an .npz file with Keras's four names"
    return f"sample, {name}, {files}"


def read_folder(folder: str) -> LabelledImages:
    """Reads the four IDX files of a folder, each plain or gzipped (plain first, if both exist).

    Raises:
        DataError: a file is missing or damaged, or the arrays are not a set of labelled images.
    """
    paths = {_find_idx_file(folder, stem): read for stem, read in IDX_READERS.items()}
    parts, total = [], 0
    for path, read in paths.items():
        parts.append(_Part(path, read(path)))
        total += parts[-1].values.nbytes
        if total > MAX_BYTES:
            raise data_error(folder, f"at most {MAX_BYTES} bytes in its files", f"{total} or more")
    return _checked(parts)


def read_npz(path: str) -> LabelledImages:
    """Reads a NumPy archive that holds x_train, y_train, x_test and y_test, as Keras stores them.

    Images are uint8 and labels any integer type. Pickled objects are never loaded.

    Raises:
        DataError: the file is missing or damaged, or the arrays are not a set of labelled images.
    """
    require_file(path)
    with _faults_as_data_errors(path), zipfile.ZipFile(path) as archive:
        _check_sizes(archive)
        parts = [_Part(f"{path} ({n})", _read_array(archive, n)) for n in NPZ_NAMES]
    return _checked(parts)


def read_keras(name: str) -> LabelledImages:
    """Reads a whole set, such as "mnist", through Keras's own downloader and cache.

    Raises:
        DataError: the set is not in the cache and cannot be downloaded.
    """
    import tensorflow as tf

    try:
        train, test = getattr(tf.keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when there is no network
        advice = "connect to the network, or name files that are already here"
        expected = "Keras to download it or to find it in its cache"
        raise data_error(name, expected, f"a fault: {error} ({advice})") from error
    arrays = (*train, *test)
    return _checked([_Part(f"{name} ({n})", arrays[i]) for i, n in enumerate(NPZ_NAMES)])


def scaled(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images [n, 28, 28] as float32 [n, 784] in [0, 1], divided in float32."""
    flat = images.reshape(len(images), -1)
    return np.divide(flat, np.float32(255), dtype=np.float32)


def one_hot(labels: np.ndarray) -> np.ndarray:
    """Returns integer labels [n] as float32 rows [n, 10] with a single 1, in the label's column."""
    return np.eye(CLASSES, dtype=np.float32)[labels]


def _find_idx_file(folder: str, stem: str) -> str:
    kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
    spellings = [f"{stem}-{kind}", f"{stem}.{kind}"]  # archives unpacked on Windows have the dot
    for name in [*spellings, *(f"{spelling}.gz" for spelling in spellings)]:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    expected = f"{spellings[0]} or {spellings[1]} (.gz or not)"
    raise data_error(folder, expected, "no file of that name")


@contextlib.contextmanager
def _faults_as_data_errors(path: str) -> Iterator[None]:
    """Turns whatever a damaged archive raises into one DataError.

    The tuple of types would be long and would differ between Python versions: besides BadZipFile,
    zipfile lets zlib.error, EOFError, struct.error, RuntimeError and others through, and NumPy's
    header parser ValueError, TypeError, SyntaxError, TokenError, RecursionError and MemoryError.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        fault = f"a fault: {type(error).__name__}: {error}"
        raise data_error(path, "a whole .npz file", fault) from error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses, before anything is unpacked, what would fill the memory."""
    total = 0
    for name in NPZ_NAMES:
        with contextlib.suppress(KeyError):  # which one is missing is told later
            member = archive.getinfo(f"{name}.npy")
            where = f"{archive.filename} ({name})"
            check_packing(where, member.file_size, member.compress_size)
            total += member.file_size
    if total > MAX_BYTES + _HEADERS:
        found = f"{total} bytes in {', '.join(NPZ_NAMES)}"
        raise data_error(str(archive.filename), f"at most {MAX_BYTES} bytes", found)


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Returns one array of an archive; numpy.load would first allocate what its header claims."""
    where = f"{archive.filename} ({name})"
    if f"{name}.npy" not in archive.namelist():
        present = ", ".join(archive.namelist()[:8]) or "no arrays"
        raise data_error(str(archive.filename), f"an array {name}", present)
    with archive.open(f"{name}.npy") as member:
        shape, fortran_order, dtype = _read_npy_header(member, where)
        size = dtype.itemsize * product(shape)
        described = f"{size} bytes for {dtype} {list(shape)}"
        if size > MAX_BYTES:
            raise data_error(where, f"at most {MAX_BYTES} bytes", described)
        values = read_at_most(member, size + 1)
    if len(values) != size:
        found = f"only {len(values)}" if len(values) < size else "trailing bytes after them"
        raise data_error(where, described, found)
    array = np.frombuffer(values, dtype=dtype)
    return array.reshape(shape[::-1]).T if fortran_order else array.reshape(shape)


def _read_npy_header(member: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(member)
    if version != (1, 0):  # later ones are for types with named fields, which no image has
        raise data_error(where, "NumPy file format 1.0", ".".join(map(str, version)))
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
    if dtype.hasobject:
        raise data_error(where, "numbers", "pickled objects, which are never loaded")
    return shape, fortran_order, dtype


def _checked(parts: list[_Part]) -> LabelledImages:
    train_images, train_labels, test_images, test_labels = parts
    for images, labels in ((train_images, train_labels), (test_images, test_labels)):
        _check_images(images)
        _check_labels(labels)
        if len(images.values) != len(labels.values):
            expected = f"as many labels as {images.where} has images, {len(images.values)}"
            raise data_error(labels.where, expected, str(len(labels.values)))
    return LabelledImages(
        train_images.values,
        train_labels.values.astype(np.uint8),
        test_images.values,
        test_labels.values.astype(np.uint8),
    )


def _check_images(part: _Part) -> None:
    where, images = part
    if images.dtype != np.uint8:
        raise data_error(where, "images of type uint8", _describe(images))
    if images.shape[1:] != IMAGE_SHAPE:
        raise data_error(where, "images of shape [n, 28, 28]", f"shape {list(images.shape)}")
    if len(images) == 0:
        raise data_error(where, "at least one image", "none")


def _check_labels(part: _Part) -> None:
    where, labels = part
    if labels.dtype.kind not in "iu":
        raise data_error(where, "labels of an integer type", _describe(labels))
    if labels.ndim != 1:
        raise data_error(where, "labels of shape [n]", f"shape {list(labels.shape)}")
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if len(wrong):
        found = f"{labels[wrong[0]]} at index {wrong[0]}"
        raise data_error(where, f"labels from 0 to {CLASSES - 1}", found)


def _describe(values: np.ndarray) -> str:
    nan = values.dtype.kind in "fc" and np.isnan(values).any()
    return f"type {values.dtype}" + (" with NaN among the values" if nan else "")
