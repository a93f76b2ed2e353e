"""Some images of the samples, for tests that train and do not look at how well.

At its end a training is measured on all 2,000 test images of the sample, which takes a network
longer than its few steps do in a test.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from shared.data import digits, fashion
from shared.data.image_files import LabelledImages, read_npz
from shared.models import IMAGES, PAIRS

_SAMPLES = {"fashion": fashion.SAMPLE_FILE, "digits": digits.SAMPLE_FILE}


def few_images(name: str, folder: Path, train: int | None = 500, test: int = 20) -> dict[str, str]:
    """Writes the first images of a model's sample; returns the setting `data`.

    Args:
        name: of the model.
        folder: gets a file, which is taken again where it is there.
        train: how many to train on; None for all, with which a training has the sample's numbers.
        test: how many to measure.

    Returns:
        {"data": the file}; {} for a model that is not trained on images.
    """
    data = PAIRS[name].data
    if data not in IMAGES:
        return {}
    path = folder / f"{data}-{train}-{test}.npz"
    if not path.exists():
        sample = _sample(_SAMPLES.get(data, digits.SAMPLE_FILE))
        np.savez(
            path,
            x_train=sample.train_images[:train],
            y_train=sample.train_labels[:train],
            x_test=sample.test_images[:test],
            y_test=sample.test_labels[:test],
        )
    return {"data": str(path)}


@functools.cache
def _sample(file: str) -> LabelledImages:
    return read_npz(file)
