"""Several workers train to the numbers of one; what a port gets wrong is seen in the numbers."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from clusters import run_module as run


@pytest.fixture(scope="module")
def tf1() -> dict[str, Any]:
    """The numbers of TensorFlow 1 style, by twin and worker."""
    found: dict[str, Any] = json.loads(run("worker_twins", "tf1_style"))
    return found


@pytest.fixture(scope="module")
def tf1_whole() -> dict[str, Any]:
    """The same of the one twin without a mistake: each twin takes a new cluster."""
    found: dict[str, Any] = json.loads(run("worker_twins", "tf1_style", "--twins", "whole"))
    return found


@pytest.fixture(scope="module")
def tf2() -> dict[str, Any]:
    """The numbers of TensorFlow 2 style, by twin and worker."""
    found: dict[str, Any] = json.loads(run("worker_twins", "tf2_style"))
    return found


def bits(found: list[Any]) -> str:
    """Returns the fingerprint of the variables, which all workers have in common."""
    (one,) = {worker["bits"] for worker in found}
    return str(one)


def losses(found: list[Any]) -> np.ndarray:
    """Returns the loss of each step over the whole batch: the mean of what the workers report."""
    return np.mean([worker["losses"] for worker in found], axis=0)


def farthest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.max(np.abs(a - b) / np.abs(a)))


def rounding(found: dict[str, Any]) -> float:
    """Returns how far the order in which one worker adds up its images moves the losses.

    The tolerance of the tests is four times that: among three orders the largest distance is not
    the largest there is, and shares are one more order.
    """
    whole = losses(found["alone"])
    return 4 * max(farthest(whole, losses(found[f"order_{n}"])) for n in (0, 11, 23))


def test_alone_both_styles_have_the_same_bits(
    tf1_whole: dict[str, Any], tf2: dict[str, Any]
) -> None:
    assert tf1_whole["alone"] == tf2["alone"]


@pytest.mark.parametrize(
    ("twin", "numbers"),
    [("whole", "tf1_whole"), pytest.param("unequal", "tf1", marks=pytest.mark.slow)],
)
def test_two_workers_have_the_same_bits_in_both_styles(
    twin: str, numbers: str, tf2: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    tf1 = request.getfixturevalue(numbers)
    # a + b is b + a, to the last bit: no order of arrival can be seen.
    assert bits(tf1[twin]) == bits(tf2[twin])
    assert losses(tf1[twin]) == pytest.approx(losses(tf2[twin]), rel=rounding(tf2))


@pytest.mark.parametrize(
    ("twin", "one", "numbers"),
    [
        ("whole", "alone", "tf1_whole"),
        pytest.param("unequal", "alone_unequal", "tf1", marks=pytest.mark.slow),
    ],
)
def test_two_workers_have_the_losses_of_one(
    twin: str, one: str, numbers: str, tf2: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    for found in (request.getfixturevalue(numbers), tf2):
        assert farthest(losses(found[one]), losses(found[twin])) <= rounding(found) < 1e-5


def test_the_tolerance_catches_the_mildest_twin(tf2: dict[str, Any]) -> None:
    # The share of the other worker is never seen: the first loss is the same, the second is not.
    whole, other = losses(tf2["alone"]), losses(tf2["overlapping"])
    assert other[0] == pytest.approx(whole[0], rel=rounding(tf2))
    assert abs(other[1] / whole[1] - 1) > 0.1


def test_the_mean_of_the_own_share_trains_with_the_rate_times_the_workers(
    tf2: dict[str, Any],
) -> None:
    # Keras adds up what was already a mean: the very bits of twice the rate.
    assert bits(tf2["own_mean"]) == bits(tf2["double_rate"]) != bits(tf2["whole"])
    assert losses(tf2["own_mean"])[0] == pytest.approx(2 * losses(tf2["whole"])[0], rel=1e-6)


def test_a_rate_that_is_scaled_on_top_is_twice_the_rate(tf2: dict[str, Any]) -> None:
    assert bits(tf2["scaled_rate"]) == bits(tf2["double_rate"]) == bits(tf2["not_multiplied"])


@pytest.mark.slow
def test_sync_replicas_halves_a_part_of_the_mean(tf1: dict[str, Any]) -> None:
    whole, half = tf1["whole"][0]["first_update"], tf1["not_multiplied"][0]["first_update"]
    assert half["weights"] == pytest.approx(whole["weights"] / 2, rel=1e-6)  # float32's precision


@pytest.mark.slow
def test_unequal_shares_make_the_mean_of_means_another_number(tf1: dict[str, Any]) -> None:
    right, wrong = tf1["alone_unequal"], tf1["own_mean_unequal"]
    assert bits(wrong) != bits(tf1["unequal"])
    assert farthest(losses(right), losses(wrong)) > 0.05


def test_clipping_before_is_not_clipping_the_sum(tf2: dict[str, Any]) -> None:
    rate, norm = 0.5, 0.1  # the default rate, and worker_twins.CLIP_NORM
    before = tf2["clipped_before"][0]["first_update"]["weights"] / rate
    after = tf2["clipped_after"][0]["first_update"]["weights"] / rate
    assert after == pytest.approx(norm, rel=1e-6)  # float32's precision
    assert 1.2 * norm < before <= 2 * norm


def test_a_step_that_adds_up_over_replicas_counts_the_workers(tf2: dict[str, Any]) -> None:
    assert [worker["step"] for worker in tf2["whole"]] == [6, 6]
    assert [worker["step"] for worker in tf2["summed_step"]] == [12, 12]
    assert bits(tf2["summed_step"]) == bits(tf2["whole"])


@pytest.mark.slow
@pytest.mark.parametrize("style", ["tf1_style", "tf2_style"])
def test_four_workers_have_the_losses_of_one(style: str) -> None:
    found = json.loads(run("worker_twins", style, "--twins", "whole", "--more", "4"))
    assert len(found["more"]) == 4
    assert farthest(losses(found["alone"]), losses(found["more"])) <= rounding(found) < 1e-5
