"""The digits sample is what its README says it is, and its script makes it again."""

import hashlib
import re
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from shared.data import make_digits_sample
from shared.data.digits import SAMPLE_FILE, load_digits
from shared.data.image_files import LabelledImages, read_npz
from shared.data.make_digits_sample import draw, evenly_spaced, pack
from shared.errors import DataError

SAMPLE = Path(SAMPLE_FILE)
README = (SAMPLE.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stored() -> LabelledImages:
    return read_npz(SAMPLE_FILE)


def test_the_file_is_the_one_of_the_readme() -> None:
    (printed,) = re.findall(r"\| `([0-9a-f]{64})` \| `digits_sample.npz` \|", README)
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() == printed
    assert SAMPLE.stat().st_size <= 3_000_000


def test_the_classes_are_as_many_as_the_readme_counts(stored: LabelledImages) -> None:
    for split, labels in (("training", stored.train_labels), ("test", stored.test_labels)):
        (row,) = re.findall(rf"^\| {split} \|(.*)\|$", README, flags=re.MULTILINE)
        assert np.bincount(labels).tolist() == [int(count) for count in row.split("|")]


def test_numpy_reads_the_file_by_itself(stored: LabelledImages) -> None:
    with np.load(SAMPLE_FILE, allow_pickle=False) as archive:
        for name, values in zip(archive.files, stored, strict=True):
            assert archive[name].dtype == np.uint8
            np.testing.assert_array_equal(archive[name], values)
        assert archive.files == ["x_train", "y_train", "x_test", "y_test"]


def test_the_sample_is_the_default_in_the_form_that_the_models_take(stored: LabelledImages) -> None:
    digits = load_digits()
    assert [array.shape for array in digits] == [
        (10_000, 784),
        (10_000, 10),
        (2_000, 784),
        (2_000, 10),
    ]
    assert {array.dtype for array in digits} == {np.dtype(np.float32)}
    for images in (digits.train_images, digits.test_images):
        assert images.min() == 0 and images.max() == 1
    for rows, labels in (
        (digits.train_labels, stored.train_labels),
        (digits.test_labels, stored.test_labels),
    ):
        assert set(np.unique(rows)) == {0, 1} and (rows.sum(axis=1) == 1).all()
        np.testing.assert_array_equal(rows.argmax(axis=1), labels)


@pytest.mark.parametrize(("total", "wanted"), [(60_000, 10_000), (10, 10), (10, 4), (7, 1)])
def test_indices_are_evenly_spaced(total: int, wanted: int) -> None:
    indices = evenly_spaced(total, wanted)
    assert len(indices) == wanted and indices[0] == 0
    gaps = np.diff([*indices, total])
    assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1


def numbered(train: int, test: int) -> LabelledImages:
    """Returns sets in which the label and every pixel of an image are its index."""
    arrays = []
    for count in (train, test):
        index = np.arange(count, dtype=np.uint8)
        arrays += [np.tile(index[:, None, None], (1, 28, 28)), index]
    return LabelledImages(*arrays)


def test_images_are_drawn_with_their_labels_from_the_whole_set() -> None:
    drawn = draw(numbered(9, 8), "some-folder", train=3, test=4)
    for images, labels, expected in (
        (drawn.train_images, drawn.train_labels, [0, 3, 6]),
        (drawn.test_images, drawn.test_labels, [0, 2, 4, 6]),
    ):
        assert labels.tolist() == images[:, 0, 0].tolist() == images[:, 27, 27].tolist() == expected


def test_no_more_can_be_drawn_than_there_are() -> None:
    expected = "some-folder: expected at least 3 training and 9 test images, found 9 and 8"
    with pytest.raises(DataError, match=expected):
        draw(numbered(9, 8), "some-folder", train=3, test=9)


def unpacked(path: Path) -> list[tuple]:
    """Returns all of an archive that does not depend on the machine's deflate."""
    with zipfile.ZipFile(path) as archive:
        return [
            (
                info.filename,
                info.date_time,
                info.create_system,
                info.external_attr,
                archive.read(info),
            )
            for info in archive.infolist()
        ]


def deflates_as_the_maker() -> bool:
    """Tells if this machine's deflate packs labels into the sample's bytes; zlib-ng's does not."""
    with zipfile.ZipFile(SAMPLE) as archive:
        info, labels = archive.getinfo("y_train.npy"), archive.read("y_train.npy")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(labels) + deflate.flush()
    after_header = info.header_offset + 30 + len(info.filename)  # 30: a zip's fixed local header
    return SAMPLE.read_bytes()[after_header : after_header + info.compress_size] == packed


@pytest.mark.slow
def test_the_same_arrays_give_the_same_bytes(stored: LabelledImages, tmp_path: Path) -> None:
    again = pack(stored)
    (tmp_path / "again.npz").write_bytes(again)
    assert unpacked(tmp_path / "again.npz") == unpacked(SAMPLE)
    if deflates_as_the_maker():
        assert again == SAMPLE.read_bytes()


def write_idx_folder(folder: Path, train: int, test: int) -> None:
    """Writes blank images with labels 0 to 9, round and round."""
    for stem, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % 10).astype(np.uint8).tobytes()
        images = struct.pack(">4I", 2051, count, 28, 28) + bytes(count * 784)
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 2049, count) + labels)


def test_the_script_makes_a_sample_from_idx_files(tmp_path: Path) -> None:
    write_idx_folder(tmp_path, 10_001, 2_000)
    assert make_digits_sample.main([str(tmp_path), str(tmp_path / "out.npz")]) == 0
    made = read_npz(str(tmp_path / "out.npz"))
    assert made.train_labels.tolist() == [index % 10 for index in range(10_000)]
    assert len(made.test_labels) == 2_000
    assert not list(tmp_path.glob("*.unfinished"))


def test_the_script_refuses_in_one_line_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").mkdir()
    write_idx_folder(tmp_path, 9_999, 2_000)
    assert make_digits_sample.main([str(tmp_path), str(tmp_path / "out.npz")]) == 2
    write_idx_folder(tmp_path, 10_000, 2_000)
    assert make_digits_sample.main([str(tmp_path), str(tmp_path / "taken")]) == 2
    too_few, no_place = capsys.readouterr().err.splitlines()
    assert too_few.startswith(f"error: {tmp_path}: expected at least 10000 training")
    assert no_place.startswith(f"error: OUT {tmp_path / 'taken'}: cannot write: ")
    assert {path.name for path in tmp_path.iterdir() if "ubyte" not in path.name} == {"taken"}
