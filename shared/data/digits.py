"""The handwritten digits (MNIST) that the classifiers learn, from any place that holds them."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from shared.data.image_files import one_hot, read_source, scaled, sources

SAMPLE_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits_sample.npz")
SOURCES = sources("mnist")
"""What load_digits takes, in the words of an error message or a --help."""


class Digits(NamedTuple):
    """A training set and a test set in the form that the models take.

    Attributes:
        train_images: float32 [n, 784], rows of 28 pixels one after the other, 0 black to 1 white.
        train_labels: float32 one-hot [n, 10].
        test_images: float32 [m, 784], in [0, 1].
        test_labels: float32 one-hot [m, 10].
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_digits(source: str = "sample") -> Digits:
    """Loads digits in the order in which they are stored.

    Args:
        source: one of
            "sample": 10,000 training and 2,000 test images of MNIST, a file of this package;
            "mnist": all 60,000 and 10,000, through Keras's downloader and cache;
            a folder with the four IDX files of MNIST, gzipped or not;
            an .npz file with Keras's four names x_train, y_train, x_test, y_test.
            The two names go before files: a folder called mnist is "./mnist".

    Raises:
        DataError: the source does not exist, cannot be downloaded, is damaged, or holds anything
            but 28 x 28 images of unsigned bytes with labels from 0 to 9.
    """
    stored = read_source(source, SAMPLE_FILE, "mnist", "mnist")
    return Digits(
        scaled(stored.train_images),
        one_hot(stored.train_labels),
        scaled(stored.test_images),
        one_hot(stored.test_labels),
    )
