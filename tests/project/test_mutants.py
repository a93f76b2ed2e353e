"""The changes that `make mutants` tries: each fits the code; the driver tells what notices it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from mutants.__main__ import NOTHING, NUMBER, Copy, noticed_by
from mutants.changes import Change, all_changes, changed_text

CHANGES = all_changes()


def test_every_change_fits_the_code() -> None:
    assert len(CHANGES) >= 120
    assert max(Counter(change.name for change in CHANGES).values()) == 1
    for change in CHANGES:
        for file in change.files:
            changed_text(change, file)  # raises where it no longer fits
        assert all((Path(__file__).parents[2] / t).exists() for t in change.tests if "/" in t)


def test_a_change_that_does_not_fit_is_named() -> None:
    change = Change("none", ("README.md",), "no such text", "", ())
    with pytest.raises(ValueError, match=r"README\.md: expected 'no such text' once, found 0"):
        changed_text(change, "README.md")


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    made = Copy(tmp_path / "copy")
    yield made
    made.end()


@pytest.mark.slow
def test_a_share_of_the_changes_is_noticed_by_numbers(copy: Copy) -> None:
    by_name = {change.name: change for change in CHANGES}
    for name in (
        "both twins of relu_regression: both twins have relu6 for relu",
        "tf2_style/mlp.py: the update is frozen after step 1,000",
        "tf2_style/embeddings.py: Keras's own epsilon",
        "tf1_style/softmax_regression.py: the first 1,000 images only",
        "shared/checkpoints/files.py: a digest over the first 64 KiB only",
    ):
        assert noticed_by(by_name[name], copy).what == NUMBER, name
    harmless = Change("a comment", ("shared/data/batch_order.py",), '"""Yields', '"""Yields ', ())
    assert noticed_by(harmless._replace(tests=("tests/data",)), copy).what == NOTHING
    # What fails without a change, too, notices none.
    fails = copy.folder / "tests" / "data" / "test_that_fails.py"
    fails.write_text("def test_it() -> None:\n    raise AssertionError\n", encoding="utf-8")
    tests = ("tests/data/test_that_fails.py", "tests/data/test_idx.py")
    assert noticed_by(harmless._replace(tests=tests), copy).what == NOTHING
