"""Where tensors are read from: every form of file that holds the variables of a program."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Protocol

from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion.files import is_checkpoint, locate
from shared.tools.checkpoint_conversion.index_file import Part
from shared.tools.checkpoint_conversion.shown import shown

BUNDLE = "checkpoint"  # an index and files of data, as TensorFlow writes since 0.12
V1_FILE = "checkpoint in the V1 format"
META_GRAPH = "graph with names and shapes only"
FROZEN_GRAPH = "frozen graph"
HDF5 = "Keras file in HDF5"
KERAS3_WEIGHTS = "weights of Keras 3"  # in HDF5 too, numbered instead of named
KERAS_ARCHIVE = "Keras archive"

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"


@dataclasses.dataclass(frozen=True)
class Entry:
    """One tensor of a source.

    Attributes:
        key: what the source calls it.
        shape: its shape; of the slice, where only one slice is there.
        dtype: name of its dtype, such as "float32".
        part: which part of a partitioned variable it is, None for all of it.
        partitions: into how many slices of rows the variable was cut.
    """

    key: str
    shape: tuple[int, ...]
    dtype: str
    part: Part | None = None
    partitions: int = 1


class Source(Protocol):
    """One file, or the files of one checkpoint.

    Attributes:
        path: as messages name it.
        form: one of the constants above.
        entries: its tensors by the name that people know them by, sorted.
    """

    @property
    def path(self) -> str: ...  # noqa: D102

    @property
    def form(self) -> str: ...  # noqa: D102

    @property
    def entries(self) -> Mapping[str, Entry]: ...  # noqa: D102

    def read(self, key: str) -> Any:
        """Reads a tensor as an eager tensor on the CPU; raises CheckpointError for damage."""


def open_source(path: str | os.PathLike[str]) -> Source:
    """Opens whatever `path` names, by what is in it, not by how its name ends.

    Raises:
        CheckpointError: there is nothing, or nothing that holds variables.
    """
    place = locate(path)
    if is_checkpoint(place):
        from shared.tools.checkpoint_conversion.bundles import Bundle

        return Bundle(place)
    with open(place, "rb") as file:
        start = file.read(8)
    if start == _HDF5_SIGNATURE:
        from shared.tools.checkpoint_conversion.hdf5_files import KerasFile

        return KerasFile(place)
    if start.startswith(_ZIP_SIGNATURE):
        from shared.tools.checkpoint_conversion.keras_archives import KerasArchive

        return KerasArchive(place)
    from shared.tools.checkpoint_conversion.graph_files import open_graph

    return open_graph(place)


def require_some(path: str, entries: Mapping[str, Entry], expected: str) -> None:
    """Raises CheckpointError where a file that can be read holds no variable."""
    if not entries:
        raise CheckpointError(f"{shown(path)}: expected {expected}; found none")
