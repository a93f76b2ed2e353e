"""What a comparison keeps in memory does not grow with the traces."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from shared.tools.compare import cost, values
from shared.tools.compare.traces import compare
from shared.trace_recorder import read_trace

ELEMENTS = 250_000  # 1 MB in float32, 2 MB as the float64 that is kept


def peak(folder: Path, steps: int) -> int:
    """Returns the most bytes that comparing two traces took at any time."""
    folder.mkdir()
    left, right = cost.write_traces(folder, steps, ELEMENTS)
    tracemalloc.start()
    try:
        with read_trace(left) as a, read_trace(right) as b:
            assert compare(a, b).outcome == "differs"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(("kept", "most"), [(4 * 2**20, 1.2), (2**40, None)])
def test_four_times_the_steps_take_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int, most: float | None
) -> None:
    monkeypatch.setattr(values, "KEPT_BYTES", kept)
    growth = peak(tmp_path / "long", 20) / peak(tmp_path / "short", 5)
    if most is None:  # nothing is ever dropped: the check sees it
        assert growth > 1.8
    else:
        assert growth < most


def test_a_tensor_larger_than_what_is_kept_is_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, right = cost.write_traces(tmp_path, 3, ELEMENTS)
    with read_trace(left) as a, read_trace(right) as b:
        expected = compare(a, b)
        monkeypatch.setattr(values, "KEPT_BYTES", 1000)
        found = compare(a, b)
    assert found.first_difference == expected.first_difference
    assert (found.hints, found.beyond_rounding) == (expected.hints, expected.beyond_rounding)
