"""Ratings from a seed."""

from __future__ import annotations

import numpy as np

from shared.data.ratings import ITEMS, USERS, load_ratings


def test_a_seed_gives_the_same_ratings() -> None:
    for first, second in zip(load_ratings(3), load_ratings(3), strict=True):
        assert np.array_equal(first, second)
    assert not np.array_equal(load_ratings(3).train_items, load_ratings(4).train_items)


def test_forms_and_ranges() -> None:
    ratings = load_ratings(0)
    assert [array.shape for array in ratings] == [(5000,)] * 3 + [(1000,)] * 3
    assert [array.dtype for array in ratings] == ["int64", "int64", "float32"] * 2
    users = np.concatenate([ratings.train_users, ratings.test_users])
    items = np.concatenate([ratings.train_items, ratings.test_items])
    assert set(users) == set(range(USERS)) and set(items) == set(range(ITEMS))
    stars = np.concatenate([ratings.train_ratings, ratings.test_ratings])
    assert set(stars) == {1.0, 2.0, 3.0, 4.0, 5.0}


def test_no_pair_of_user_and_item_is_rated_twice() -> None:
    ratings = load_ratings(0)
    users = np.concatenate([ratings.train_users, ratings.test_users])
    items = np.concatenate([ratings.train_items, ratings.test_items])
    assert len(np.unique(users * ITEMS + items)) == len(users) == 6000


def test_there_is_something_to_learn_beyond_biases() -> None:
    ratings = load_ratings(0)
    mean = ratings.train_ratings.mean()

    def biases(ids: np.ndarray, errors: np.ndarray) -> np.ndarray:
        counts = np.maximum(np.bincount(ids, minlength=USERS), 1)
        return np.bincount(ids, errors, minlength=USERS) / counts

    of_items = biases(ratings.train_items, ratings.train_ratings - mean)
    of_users = biases(
        ratings.train_users, ratings.train_ratings - mean - of_items[ratings.train_items]
    )
    predicted = mean + of_items[ratings.test_items] + of_users[ratings.test_users]
    spread = np.var(ratings.test_ratings)
    left = np.mean((ratings.test_ratings - predicted) ** 2)
    assert 0.4 * spread < left < 0.9 * spread  # biases explain a part of it, and not most
