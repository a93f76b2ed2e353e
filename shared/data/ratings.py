"""Ratings of items by users, drawn from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

USERS, ITEMS = 200, 60
_TRAINING, _TEST = 5000, 1000
_TASTES = 4  # numbers that describe a user, and an item
_STREAM = 2  # keeps the draws apart from those of initial values and of the batch order


class Ratings(NamedTuple):
    """Ratings from 1 to 5, each of another pair of user and item, to train on and to test with."""

    train_users: np.ndarray  # int64 [5000], from 0 to 199
    train_items: np.ndarray  # int64 [5000], from 0 to 59
    train_ratings: np.ndarray  # float32 [5000]
    test_users: np.ndarray  # the same [1000]
    test_items: np.ndarray
    test_ratings: np.ndarray


def load_ratings(seed: int) -> Ratings:
    """Returns 6,000 ratings of 60 items by 200 users, half of all pairs, in random order.

    A rating is a mean, what the user gives to every item, what every user gives to the item, how
    the user's tastes agree with the item's, and noise, rounded to a whole star from 1 to 5. Item k
    is drawn with a weight of 1 / (k + 10), so that some are rated more often than others.
    """
    random = np.random.RandomState([seed, _STREAM])
    count = _TRAINING + _TEST
    popularity = np.tile(1 / (np.arange(ITEMS) + 10), USERS)
    pairs = random.choice(USERS * ITEMS, count, replace=False, p=popularity / popularity.sum())
    users, items = np.divmod(pairs, ITEMS)
    user_tastes = random.standard_normal([USERS, _TASTES])[users]
    item_tastes = random.standard_normal([ITEMS, _TASTES])[items]
    stars = 3.4 + 0.4 * random.standard_normal(USERS)[users]
    stars += 0.5 * random.standard_normal(ITEMS)[items]
    stars += 0.5 * (user_tastes * item_tastes).sum(axis=1) + 0.3 * random.standard_normal(count)
    ratings = np.clip(np.rint(stars), 1, 5).astype(np.float32)
    order = random.permutation(count)
    shuffled = [array[order] for array in (users.astype(np.int64), items.astype(np.int64), ratings)]
    training, test = zip(*(np.split(array, [_TRAINING]) for array in shuffled))
    return Ratings(*training, *test)
