"""The clothes (Fashion-MNIST) that the multi-layer perceptron learns, wherever they are stored."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from shared.data.image_files import read_source, scaled, sources

SAMPLE_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fashion_sample.npz")
SOURCES = sources("fashion")
"""What load_fashion takes, in the words of an error message or a --help."""

CLASS_NAMES = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
"""What the labels 0 to 9 stand for."""


class Clothes(NamedTuple):
    """A training set and a test set in the form that the models take.

    Attributes:
        train_images: float32 [n, 784], rows of 28 pixels one after the other, 0 black to 1 white.
        train_labels: int64 classes [n], 0 to 9: numbers, not one-hot rows.
        test_images: float32 [m, 784], in [0, 1].
        test_labels: int64 classes [m].
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_fashion(source: str = "sample") -> Clothes:
    """Loads clothes in the order in which they are stored.

    Args:
        source: one of
            "sample": 10,000 training and 2,000 test images, a file of this package;
            "fashion": all 60,000 and 10,000, through Keras's downloader and cache;
            a folder with the four IDX files of Fashion-MNIST, gzipped or not;
            an .npz file with Keras's four names x_train, y_train, x_test, y_test.
            The two names go before files: a folder called fashion is "./fashion".

    Raises:
        DataError: the source does not exist, cannot be downloaded, is damaged, or holds anything
            but 28 x 28 images of unsigned bytes with labels from 0 to 9.
    """
    stored = read_source(source, SAMPLE_FILE, "fashion", "fashion_mnist")
    return Clothes(
        scaled(stored.train_images),
        stored.train_labels.astype(np.int64),
        scaled(stored.test_images),
        stored.test_labels.astype(np.int64),
    )


def class_names(labels: np.ndarray) -> list[str]:
    """Returns the name of each class in integer labels [n]."""
    return [CLASS_NAMES[label] for label in labels]
