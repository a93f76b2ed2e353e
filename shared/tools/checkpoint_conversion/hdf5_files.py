"""Keras's files in HDF5: weights, or a whole model with its optimizer.

Format: tensorflow/python/keras/saving/hdf5_format.py of TensorFlow 1.15, which Keras 2 had too: a
group a layer, whose attribute `weight_names` lists its weights in the layer's own order.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.files import digest, errors_of
from shared.tools.checkpoint_conversion.row_blocks import Rows, is_large, tensor
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.sources import (
    HDF5,
    KERAS3_WEIGHTS,
    Entry,
    require_some,
)


class KerasFile:
    """A `.h5` of Keras 1.x or 2.x, or a `.weights.h5` of Keras 3; see `sources.Source`."""

    def __init__(self, path: str) -> None:
        """Reads names and types.

        Raises:
            CheckpointError: the file is damaged, or none of Keras.
        """
        self.path = path
        with _errors(path), opened(path) as file:
            found = list(_weights(file))
            self.form = HDF5 if found else KERAS3_WEIGHTS
            found = found or _plain(file)
            names = _distinct([name for name, _ in found])
            keys = [key for _, key in found]
            entries = {name: _entry(file, key) for name, key in zip(names, keys, strict=True)}
        self.order = names  # as the layers made them, then the optimizer
        ordered = sorted(entries)
        self.entries: Mapping[str, Entry] = {name: entries[name] for name in ordered}
        self._by_key = {entry.key: entry for entry in entries.values()}
        require_some(path, self.entries, "weights of Keras")

    def rows(self, key: str) -> Rows | None:
        """Returns a large weight as rows that are read when needed; None for any other."""
        entry = self._by_key[key]
        if entry.dtype == "bfloat16" or not is_large(entry.shape, np.dtype(entry.dtype)):
            return None

        def rows(start: int, end: int) -> np.ndarray:
            with _errors(self.path, key), opened(self.path) as file:
                return file[key][start:end]

        return Rows(entry.shape, entry.dtype, rows)

    def read(self, key: str) -> Any:
        """Reads a weight."""
        import tensorflow as tf

        rows = self.rows(key)
        if rows is not None:
            return tensor(rows)
        with _errors(self.path, key), opened(self.path) as file, tf.device("/CPU:0"):
            values = file[key][()]
            if self._by_key[key].dtype == "bfloat16":  # HDF5 has none: Keras stores its bits
                return tf.bitcast(tf.constant(values.view("uint16")), tf.bfloat16)
            return tf.constant(values)


@contextlib.contextmanager
def _errors(path: str, key: str = "") -> Iterator[None]:
    """Turns what h5py raises for damage, which is almost anything, into a CheckpointError."""
    with errors_of(path, key, "an intact file of Keras"):
        try:
            yield
        except (KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
            raise ValueError(str(error) or type(error).__name__) from error


def opened(path: str, mode: str = "r") -> Any:
    """Opens a file; it is closed at the end of a `with` block."""
    import h5py

    return h5py.File(path, mode)


def write_values(path: str, values: Iterable[tuple[str, Callable[[], Any]]]) -> dict[str, str]:
    """Puts values into the data sets of a file that has them all.

    Args:
        path: a file of Keras, which is changed in place.
        values: the key of each data set, and what reads its value, one at a time.

    Returns:
        The digests of the values by key.

    Raises:
        CheckpointError: the file cannot be written.
    """
    digests = {}
    with _errors(path), opened(path, "r+") as file:
        for key, read in values:
            tensor = read()
            digests[key] = digest(tensor)
            array = np.asarray(tensor)
            file[key][...] = array.view(np.uint16) if tensor.dtype.name == "bfloat16" else array
    return digests


def _weights(file: Any) -> Iterator[tuple[str, str]]:
    """Yields name and key of each weight, the optimizer's last, as the attributes list them."""
    root = file.get("model_weights", file)
    for layer in _list(root, "layer_names"):
        for name in _list(root[layer], "weight_names"):
            yield name.partition(":")[0], f"{root[layer].name}/{name}"
    if "optimizer_weights" in file:
        group = file["optimizer_weights"]
        for name in _list(group, "weight_names"):
            yield name.partition(":")[0], f"{group.name}/{name}"


def _plain(file: Any) -> list[tuple[str, str]]:
    """Returns every data set by its path: Keras 3 numbers them, vars/0, below each layer."""
    import h5py

    found: list[tuple[str, str]] = []

    def add(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((name, f"/{name}"))

    file.visititems(add)
    return found


def _list(group: Any, attribute: str) -> list[str]:
    """Returns a list of names; Keras cuts one that is too long for an attribute into pieces."""
    if not hasattr(group, "attrs"):
        raise ValueError(f"{group.name}: no group")
    pieces = [attribute] if attribute in group.attrs else []
    while pieces[:1] != [attribute] and f"{attribute}{len(pieces)}" in group.attrs:
        pieces.append(f"{attribute}{len(pieces)}")
    names = [name for piece in pieces for name in group.attrs[piece]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _distinct(names: list[str]) -> list[str]:
    """Returns the names, those that several weights have with a number behind."""
    counts = collections.Counter(names)
    seen: collections.Counter[str] = collections.Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if counts[name] == 1 else f"{name}#{seen[name]}")
    return distinct


def _entry(file: Any, key: str) -> Entry:
    import h5py

    item = file.get(key)
    # A link to another file would let a model read what is none of its own.
    if not isinstance(item, h5py.Dataset) or item.file != file or item.external:
        raise CheckpointError(
            f"{shown(file.filename)}: {shown(key)}: expected a weight in this file; found none"
        )
    if item.nbytes > 0 and item.id.get_storage_size() == 0:
        raise CheckpointError(
            f"{shown(file.filename)}: {shown(key)}: expected {item.nbytes} bytes; found none stored"
        )
    stored = item.attrs.get("dtype")
    return Entry(key, tuple(item.shape), stored if stored == "bfloat16" else item.dtype.name)
