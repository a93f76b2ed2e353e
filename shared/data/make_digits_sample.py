"""Draws the digits sample from the four IDX files of MNIST, the same bytes every time.

python -m shared.data.make_digits_sample FOLDER_WITH_IDX OUT.npz
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

from shared.atomic_files import write_whole
from shared.data.idx import data_error
from shared.data.image_files import NPZ_NAMES, LabelledImages, read_folder
from shared.errors import SuiteError

TRAIN_IMAGES = 10_000
TEST_IMAGES = 2_000
_UNIX = 3
_READABLE = 0o644 << 16  # the place of Unix permissions in a zip


def evenly_spaced(total: int, wanted: int) -> np.ndarray:
    """Returns indices [wanted] from 0 upwards, as evenly over range(total) as integers can be."""
    return np.arange(wanted) * total // wanted


def draw(
    whole: LabelledImages, folder: str, train: int = TRAIN_IMAGES, test: int = TEST_IMAGES
) -> LabelledImages:
    """Draws train and test images evenly over the whole sets, in the order of the files.

    The first ones would not do: the first 5,000 of MNIST's test set are cleaner and easier than the
    last 5,000 (http://yann.lecun.com/exdb/mnist/).

    Raises:
        DataError: the sets in folder are smaller than what is to be drawn.
    """
    found = len(whole.train_images), len(whole.test_images)
    if found[0] < train or found[1] < test:
        expected = f"at least {train} training and {test} test images"
        raise data_error(folder, expected, f"{found[0]} and {found[1]}")
    train_indices = evenly_spaced(found[0], train)
    test_indices = evenly_spaced(found[1], test)
    return LabelledImages(
        whole.train_images[train_indices],
        whole.train_labels[train_indices],
        whole.test_images[test_indices],
        whole.test_labels[test_indices],
    )


def pack(images: LabelledImages) -> bytes:
    """Returns the .npz file of the four arrays; equal arrays give equal bytes.

    numpy.savez_compressed would put the time of the run into the file. Deflate, although bzip2 and
    LZMA pack a tenth smaller, because every Python that runs TensorFlow can unpack it.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for index, name in enumerate(NPZ_NAMES):
            member = zipfile.ZipInfo(f"{name}.npy")  # dated 1980; a bare name takes the run's time
            member.create_system = _UNIX  # else the system of the run
            member.external_attr = _READABLE  # else unzip makes files that nobody may read
            content = io.BytesIO()
            np.lib.format.write_array(content, images[index], allow_pickle=False)
            archive.writestr(member, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return packed.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Makes the sample; returns the exit code, 2 for files that cannot be used."""
    parser = argparse.ArgumentParser(description="Draws the digits sample from MNIST.")
    parser.add_argument("folder", help="folder with the four IDX files of MNIST, gzipped or not")
    parser.add_argument("out", help="the .npz file to write")
    parsed = parser.parse_args(arguments)
    try:
        packed = pack(draw(read_folder(parsed.folder), parsed.folder))
        write_whole(Path(parsed.out), lambda path: path.write_bytes(packed), "OUT")
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
