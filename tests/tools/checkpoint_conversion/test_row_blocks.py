"""Layouts that are computed a block of rows at a time give what NumPy gives at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from checkpoint_programs import flip_bit, write_names
from conversion_costs import CASES, NOTHING, costs
from shared.errors import CheckpointError
from shared.tools.checkpoint_conversion import row_blocks, slabs, values
from shared.tools.checkpoint_conversion.contents import describe
from shared.tools.checkpoint_conversion.layout_steps import (
    Add,
    Fill,
    Interleave,
    Join,
    Order,
    Permute,
    Reshape,
    Split,
    Step,
    Sum,
    Transpose,
    Unsum,
)
from shared.tools.checkpoint_conversion.layouts import (
    CELLS,
    Layout,
    cell_steps,
    shapes,
    shapes_between,
    to_tf1,
    to_tf2,
)
from shared.tools.checkpoint_conversion.row_blocks import Rows, are_equal, whole
from shared.tools.checkpoint_conversion.slabs import Slabs, kept_bytes

RANDOM = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_blocks, "_BLOCK_BYTES", 64)
    monkeypatch.setattr(row_blocks, "_RUNS", 3)
    monkeypatch.setattr(row_blocks, "LARGE_BYTES", 0)
    monkeypatch.setattr(slabs, "_SLAB_BYTES", 128)
    monkeypatch.setattr(slabs, "MOST_BYTES", 256)


def lazily(array: np.ndarray) -> Any:
    def rows(start: int, end: int) -> np.ndarray:
        assert 0 <= start <= end <= len(array), (start, end)
        return array[start:end]

    return Rows(array.shape, array.dtype, rows) if array.ndim else array


def arrays_of(*sizes: tuple[int, ...]) -> list[np.ndarray]:
    return [RANDOM.normal(size=size).astype(np.float32) for size in sizes]


LAYOUTS: dict[str, tuple[list[Step], list[tuple[int, ...]]]] = {
    "split": ([Split(0, 0, (5, 9, 0, 3))], [(17, 4)]),
    "split of columns": ([Split(0, -1, (5, 12))], [(4, 17)]),
    "join": ([Join(0, 0, 3)], [(2, 4), (9, 4), (1, 4)]),
    "join of columns": ([Join(0, 1)], [(9, 4), (9, 3)]),
    "permute": ([Permute(0, 0, (2, 0, 1))], [(12, 5)]),
    "permute of columns": ([Permute(0, -1, (0, 2, 1, 3))], [(7, 12)]),
    "interleave": ([Interleave(interleave=4)], [(23, 3)]),
    "interleave, many": ([Interleave(interleave=9)], [(40, 20)]),
    "transpose": ([Transpose(0, transpose=(2, 0, 1))], [(4, 5, 6)]),
    "transpose of the last axes": ([Transpose(0, transpose=(0, 2, 1))], [(4, 5, 6)]),
    "transpose that moves nothing": ([Transpose(0, transpose=(1, 0, 2))], [(1, 40, 6)]),
    "transpose of a wide row": ([Transpose(0, transpose=(1, 0))], [(2, 90)]),
    "transpose of nothing": ([Transpose(0, transpose=(1, 0))], [(0, 7)]),
    "transposes": (
        [Transpose(0, transpose=(2, 0, 1)), Transpose(0, transpose=(2, 0, 1))],
        [(4, 5, 6)],
    ),
    "transpose between reshapes": (
        [
            Reshape(0, reshape=(3, 4, 4, 2)),
            Transpose(0, transpose=(1, 2, 0, 3)),
            Reshape(0, reshape=(48, 2)),
            Transpose(0, transpose=(1, 0)),
        ],
        [(48, 2)],
    ),
    "interleave of a transposed": (
        [Transpose(0, transpose=(1, 0)), Interleave(interleave=9)],
        [(6, 40)],
    ),
    "gates of a transposed": (
        [
            Transpose(0, transpose=(1, 0)),
            Permute(0, 0, (0, 2, 1, 3)),
            Split(0, 0, (9, 9, 9, 9)),
            Join(0, 1, 4),
            Reshape(0, reshape=(36, 5)),
            Permute(0, 0, (0, 2, 1, 3)),
        ],
        [(5, 36)],
    ),
    "reshape": ([Reshape(0, reshape=(6, 5, 4)), Reshape(0, reshape=(8, 15))], [(10, 12)]),
    "reshape to none": ([Reshape(0, reshape=())], [(1, 1)]),
    "order": ([Order(order=(1, 0))], [(3, 2), (5,)]),
    "add": ([Add(0, 0, 1.5, part=1, parts=3)], [(9, 2)]),
    "add to columns": ([Add(0, -1, 1.5, part=2, parts=3)], [(4, 9)]),
    "fill": ([Fill(1, fill=1.0, shape=(40,))], [(3, 2)]),
    "unsum": ([Unsum(0, unsum=3)], [(7, 3)]),
    "sum": ([Sum(0, sum=2)], [(7, 3), (7, 3)]),
    "several": (
        [
            Transpose(0, transpose=(1, 0)),
            Split(0, 0, (4, 8)),
            Join(0, 0),
            Reshape(0, reshape=(60,)),
        ],
        [(5, 12)],
    ),
}
LAYOUTS |= {
    cell: (list(cell_steps(cell, 3, 4)), shapes(cell, 3, 4, window=window)[0])
    for cell in CELLS
    for window in [(3, 3) if cell == "conv_lstm" else ()]
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_rows_give_the_bits_of_numpy_both_ways(name: str) -> None:
    steps, sizes = LAYOUTS[name]
    arrays = arrays_of(*sizes)
    there = to_tf2(steps, arrays, True)
    lazy = to_tf2(steps, [lazily(a) for a in arrays], True)
    assert all(are_equal(a, b) for a, b in zip(there, lazy, strict=True))
    assert [whole(a).tobytes() for a in lazy] == [a.tobytes() for a in there]
    layout = Layout(("a",), ("b",), tuple(steps))
    between = shapes_between(layout, sizes, [a.shape for a in there], "map")
    back = to_tf1(steps, between, there, True)
    lazy = to_tf1(steps, between, [lazily(a) for a in there], True)
    assert [whole(a).tobytes() for a in lazy] == [a.tobytes() for a in back]


def test_one_other_bit_in_any_block_is_seen() -> None:
    (array,) = arrays_of((50, 3))
    other = array.copy()
    other[49, 2] = np.nextafter(other[49, 2], 9, dtype=np.float32)
    assert are_equal(lazily(array), array)
    assert not are_equal(lazily(array), other)
    with pytest.raises(ValueError, match="1 everywhere"):
        Fill(0, fill=1.0, shape=(40,)).backward(
            [lazily(np.r_[np.ones(39, "f"), 2].astype("f"))], [], True
        )


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.bfloat16, tf.int64, tf.bool])
def test_a_file_gives_its_rows_and_they_become_a_tensor(dtype: tf.DType, tmp_path: Path) -> None:
    tensor = tf.cast(RANDOM.normal(size=[90, 3]) * 9, dtype)
    other = tf.constant(1.0)
    contents = describe(write_names(tmp_path / "names", {"a": other, "b": tensor, "c": other}))
    rows = contents.rows("b")
    assert isinstance(rows, Rows) and not isinstance(contents.rows("a"), Rows)
    found = values.tensor(rows)
    assert found.dtype == dtype
    assert np.asarray(found).tobytes() == np.asarray(tensor).tobytes()
    if dtype.is_floating:
        scaled = values.tensor(values.scaled(rows, 0.1, divide=False))
        expected = np.asarray(tensor) * np.asarray(tensor).dtype.type(-0.1)
        assert np.asarray(scaled).tobytes() == expected.tobytes()


def test_slabs_of_several_arrays_together_keep_to_their_limit() -> None:
    arrays = [Slabs(length=64, row_bytes=8) for _ in range(5)]
    computed = []

    def rows(start: int, end: int) -> np.ndarray:
        computed.append((start, end))
        return np.arange(start, end, dtype=np.int64)

    for slabs_of in (*arrays, *arrays):
        assert slabs_of.rows(16, 18, rows).tolist() == [16, 17]
        assert kept_bytes() <= slabs.MOST_BYTES == 4 * 64  # four of the five have room
    assert len(computed) == 10  # each had been dropped when its turn came again
    assert arrays[-1].rows(22, 24, rows).tolist() == [22, 23]
    assert len(computed) == 10  # the last one used was kept
    del slabs_of, arrays
    assert kept_bytes() == 0


def partitioned(folder: Path, value: np.ndarray, sizes: list[int]) -> str:
    """Writes a variable as a Saver writes one that is cut into slices of rows, in two files."""
    shape = " ".join(map(str, value.shape))
    rest = "".join(f":0,{size}" for size in value.shape[1:])
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    slices = [f"{shape} {start},{size}{rest}" for start, size in zip(starts, sizes, strict=True)]
    parts = np.split(value, starts[1:])
    prefixes = [str(folder / f"part{k}") for k in range(2)]
    for k, prefix in enumerate(prefixes):
        names = ["table"] * len(parts[k::2])
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=slices[k::2],
            tensors=[tf.constant(part) for part in parts[k::2]],
        )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=prefixes, destination_prefix=str(folder / "tf1"), delete_old_dirs=False
    )
    return str(folder / "tf1")


def test_slices_of_a_partitioned_variable_are_read_where_they_lie(tmp_path: Path) -> None:
    value = RANDOM.normal(size=[9000, 3]).astype(np.float32)
    # Starts and lengths of one, two and three bytes in the keys of the index.
    contents = describe(partitioned(tmp_path, value, [63, 1, 8128, 808]))
    assert contents.variables["table"].partitions == 4
    rows = contents.rows("table")
    assert isinstance(rows, Rows)
    assert are_equal(rows, value)
    assert contents.read("table").numpy().tobytes() == value.tobytes()


def test_a_flipped_bit_of_a_slice_is_refused(tmp_path: Path) -> None:
    value = RANDOM.normal(size=[90, 3]).astype(np.float32)
    prefix = partitioned(tmp_path, value, [50, 40])
    data = Path(f"{prefix}.data-00001-of-00002")
    flip_bit(data, 7)
    with pytest.raises(CheckpointError, match="expected an intact checkpoint"):
        describe(prefix).rows("table")


def test_a_flipped_bit_is_refused_before_any_row_is_given(tmp_path: Path) -> None:
    prefix = write_names(tmp_path / "names", {"a": tf.zeros([90, 3])})
    data = Path(f"{prefix}.data-00000-of-00001")
    flip_bit(data, 500)
    with pytest.raises(CheckpointError, match="expected an intact checkpoint"):
        describe(prefix).rows("a")


# What a conversion may take beside the largest tensor: at most 32 MiB wait to be written, rows are
# read in blocks of 4, and the rest is the allocator's. Of a transposed tensor, slabs of 256 MiB are
# kept. A second copy of the tensor has no room in it.
_BESIDE = {"an LSTM of 128 MiB": 100, "a transposed table of 512 MiB": 256 + 100}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize("name", _BESIDE)
def test_a_large_layout_takes_the_memory_of_its_largest_tensor(name: str, tmp_path: Path) -> None:
    nothing, peak = (costs(case, tmp_path).peak for case in (NOTHING, name))
    assert peak - nothing < CASES[name].largest() + _BESIDE[name]
