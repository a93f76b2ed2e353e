"""Batch order, initial values and line data: the randomness that both styles share."""

from __future__ import annotations

import numpy as np
import pytest

from shared.data.batch_order import batch_rows, chunks, crosses
from shared.data.initial_values import glorot_uniform, truncated_normal
from shared.data.regression_points import exact_line, least_squares, noisy_line
from shared.errors import UsageError


def test_an_epoch_is_a_permutation() -> None:
    rows = batch_rows(100, 10, range(10), seed=3)
    assert sorted(rows.ravel()) == list(range(100))


def test_epochs_differ_and_seeds_differ() -> None:
    first, second = batch_rows(100, 100, range(2), seed=3)
    assert (first != second).any()
    assert (first != batch_rows(100, 100, range(1), seed=4)).any()


def test_order_depends_on_the_step_alone() -> None:
    whole = batch_rows(95, 10, range(40), seed=0)
    for start, stop in ((0, 7), (7, 30), (30, 40)):
        assert (batch_rows(95, 10, range(start, stop), seed=0) == whole[start:stop]).all()


def test_the_stream_is_frozen() -> None:
    # RandomState never changes; if this does, no earlier run can be repeated.
    assert batch_rows(10, 5, range(2), seed=0).tolist() == FROZEN_ORDER


FROZEN_ORDER = [[0, 9, 3, 4, 5], [7, 8, 6, 1, 2]]


@pytest.mark.parametrize("batch_size", [0, 11, -1])
def test_a_batch_must_fit(batch_size: int) -> None:
    with pytest.raises(UsageError, match=f"expected 1 to 10 .*found {batch_size}"):
        batch_rows(10, batch_size, range(1), seed=0)


@pytest.mark.parametrize(
    ("first", "last", "size", "expected"),
    [
        (0, 10, 5, [range(0, 5), range(5, 10)]),
        (3, 11, 5, [range(3, 5), range(5, 10), range(10, 11)]),
        (0, 4, 10, [range(0, 4)]),
        (5, 5, 5, []),
        (7, 5, 5, []),
    ],
)
def test_chunks(first: int, last: int, size: int, expected: list[range]) -> None:
    assert list(chunks(first, last, size)) == expected


def test_chunks_of_a_run_without_an_end_take_no_memory() -> None:
    assert next(iter(chunks(0, 10**20, 1))) == range(1)


def test_crosses() -> None:
    assert crosses(range(90, 100), 100)
    assert crosses(range(90, 130), 100)
    assert not crosses(range(100, 110), 100)


def test_truncated_normal_is_drawn_again_not_clipped() -> None:
    values = truncated_normal([100_000], 0.1, np.random.RandomState(0))
    assert values.dtype == np.float32
    assert abs(values).max() <= np.float32(0.2)
    # The standard deviation of a normal cut at two of them is 0.8796 of it (by the density's
    # formula); its estimate from 100,000 values is off by less than 1 % at five sigma.
    np.testing.assert_allclose(values.std(), 0.08796, rtol=0.01)
    # Clipping would put the 4.6 % outside onto the edges; drawing again leaves them thin.
    assert (abs(values) > 0.199).mean() < 0.002


def test_glorot_uniform() -> None:
    values = glorot_uniform([784, 128], np.random.RandomState(0))
    limit = (6 / (784 + 128)) ** 0.5
    assert values.shape == (784, 128) and values.dtype == np.float32
    # Of 100,352 uniform values, the largest is within 1e-4 of the limit but with chance e**-10 / 2.
    assert limit * (1 - 1e-4) < abs(values).max() <= np.float32(limit)
    # The deviation of a uniform distribution is limit / sqrt(3); its estimate from so many values
    # is off by less than 0.5 % at three sigma.
    np.testing.assert_allclose(values.std(), limit / 3**0.5, rtol=0.005)
    assert (values != glorot_uniform([784, 128], np.random.RandomState(1))).mean() > 0.99


def test_noisy_line() -> None:
    line = noisy_line(seed=0)
    assert line.inputs.shape == line.targets.shape == (1000,)
    assert line.inputs.dtype == line.targets.dtype == np.float32
    # The noise has deviation 1, so each coefficient's standard error is 1/sqrt(1000) = 0.032.
    assert least_squares(line) == pytest.approx((3, 2), abs=4 * 0.032)


def test_exact_line() -> None:
    line = exact_line(seed=0)
    assert line.inputs.shape == (10_000,)
    assert line.inputs.min() >= 0 and line.inputs.max() < 1
    assert least_squares(line) == pytest.approx((2, 1), abs=1e-6)  # float32 targets
