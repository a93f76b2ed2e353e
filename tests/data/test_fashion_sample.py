"""The Fashion-MNIST sample is what its README says it is, and its script makes it again."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest

from shared.data import make_fashion_sample
from shared.data.fashion import CLASS_NAMES, SAMPLE_FILE, SOURCES, class_names, load_fashion
from shared.data.image_files import LabelledImages, read_npz
from shared.data.make_fashion_sample import read_class, split
from shared.errors import DataError

SAMPLE = Path(SAMPLE_FILE)
README = (SAMPLE.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def stored() -> LabelledImages:
    return read_npz(SAMPLE_FILE)


def test_the_file_is_the_one_of_the_readme() -> None:
    (printed,) = re.findall(r"\| `([0-9a-f]{64})` \| `fashion_sample.npz` \|", README)
    assert hashlib.sha256(SAMPLE.read_bytes()).hexdigest() == printed
    assert SAMPLE.stat().st_size <= 6_000_000


def test_the_licence_is_beside_it() -> None:
    assert "The MIT License (MIT) Copyright © 2017 Zalando SE" in README
    assert "shall be included in all copies" in " ".join(README.split())


def test_every_class_is_there_as_often(stored: LabelledImages) -> None:
    assert np.bincount(stored.train_labels).tolist() == [1000] * 10
    assert np.bincount(stored.test_labels).tolist() == [200] * 10
    assert stored.test_labels[:10].tolist() == list(range(10))  # in turn


def test_as_many_test_images_are_training_images_as_the_readme_says(stored: LabelledImages) -> None:
    training = {image.tobytes() for image in stored.train_images}
    shared = sum(image.tobytes() in training for image in stored.test_images)
    (printed,) = re.findall(r"(\w+) of the sample's test images equals a training image", README)
    assert {1: "One"}[shared] == printed


def test_the_form_that_the_model_takes(stored: LabelledImages) -> None:
    clothes = load_fashion()
    shapes = [(10_000, 784), (10_000,), (2_000, 784), (2_000,)]
    assert [array.shape for array in clothes] == shapes
    for images, pixels in (
        (clothes.train_images, stored.train_images),
        (clothes.test_images, stored.test_images),
    ):
        assert images.dtype == np.float32 and images.min() == 0 and images.max() == 1
        assert np.array_equal(np.rint(images * 255), pixels.reshape(-1, 784))
    assert clothes.train_labels.dtype == clothes.test_labels.dtype == np.int64
    assert np.array_equal(clothes.train_labels, stored.train_labels)
    assert np.array_equal(clothes.test_labels, stored.test_labels)


def test_classes_have_their_names() -> None:
    # https://github.com/zalandoresearch/fashion-mnist, "Labels"
    assert class_names(np.array([9, 0])) == ["ankle boot", "T-shirt"]
    assert len(set(CLASS_NAMES)) == 10


def test_other_sources(tmp_path: Path, stored: LabelledImages) -> None:
    images, labels = stored.train_images[:3], stored.train_labels[:3]
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert load_fashion(str(tmp_path / "few.npz")).train_labels.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=f"mnist: expected {SOURCES}, found nothing of that name"):
        load_fashion("mnist")


# ---- the script -------------------------------------------------------------------------------


def test_every_seventh_image_is_for_tests() -> None:
    images = np.arange(21)
    training, tests = split(images, 18, 3)
    assert tests.tolist() == [6, 13, 20]
    assert sorted([*training, *tests]) == images.tolist()
    training, tests = split(images, 6, 1)
    assert (training.tolist(), tests.tolist()) == ([0, 3, 7, 10, 14, 17], [6])


def write_class(path: Path, entries: list, key: str = "data") -> str:
    path.write_text(json.dumps({key: entries}))
    return str(path)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the images: reading all takes half a minute."""
    for name in ("IMAGES_A_CLASS", "TRAIN_IMAGES", "TEST_IMAGES"):
        monkeypatch.setattr(make_fashion_sample, name, getattr(make_fashion_sample, name) // 100)


def blank(value: int = 0) -> list[list[int]]:
    return [[value] * 784] * 70


@pytest.mark.usefixtures("few")
def test_the_script_makes_a_sample(tmp_path: Path) -> None:
    for label in range(10):
        entries = blank(label)
        write_class(tmp_path / f"{label}.json", [*entries[:10], [], *entries[10:], []])
    assert make_fashion_sample.main([str(tmp_path), str(tmp_path / "out.npz")]) == 0
    made = read_npz(str(tmp_path / "out.npz"))
    assert (made.train_images.shape, made.test_images.shape) == ((100, 28, 28), (20, 28, 28))
    for images, labels in (
        (made.train_images, made.train_labels),
        (made.test_images, made.test_labels),
    ):
        assert np.array_equal(images[:, 0, 0], labels) and labels[:11].tolist() == [*range(10), 0]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda path: write_class(path, blank()[1:]), r"int64 \[69, 784\]"),
        (lambda path: write_class(path, blank(256)), "256 to 256"),
        (lambda path: write_class(path, [[0.5] * 784] * 70), r"float64 \[70, 784\]"),
        (lambda path: write_class(path, [[0] * 783, *blank()[1:]]), "a fault: ValueError"),
        (lambda path: write_class(path, blank(), key="other"), "a fault: KeyError: 'data'"),
        (lambda path: path.write_text('{"data": [[0, 0'), "a fault: JSONDecodeError"),
        (lambda path: None, "nothing there"),
    ],
    ids=["too few", "too large", "fractions", "ragged", "no data", "cut off", "missing"],
)
@pytest.mark.usefixtures("few")
def test_a_damaged_file_is_one_line(make: object, found: str, tmp_path: Path) -> None:
    assert callable(make)
    make(tmp_path / "3.json")
    with pytest.raises(DataError, match=f"3.json: expected .* found {found}") as caught:
        read_class(str(tmp_path / "3.json"))
    assert "\n" not in str(caught.value)


def test_the_script_refuses_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert make_fashion_sample.main([str(tmp_path), str(tmp_path / "out.npz")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / '0.json'}: expected")
    assert not list(tmp_path.iterdir())
