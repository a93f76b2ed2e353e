"""What `tf_upgrade_v2` does: the real script is run, and its rewrites are compared in numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scanned_trees import FILES
from shared.tools.scan import trying, upgrade
from shared.tools.scan.images import RESIZING
from shared.tools.scan.project import scan


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def difference(name: str) -> float:
    """The largest difference that the script's rewrite of a resizing function makes."""
    import tensorflow as tf

    rewritten = upgrade.rewrites([name])[name].replace("(x", "(x, [4, 9]", 1)
    names = {"tf": tf, "x": np.arange(210, dtype=np.float32).reshape(2, 5, 7, 3) ** 1.5}
    old = eval(name.replace("tf.", "tf.compat.v1.", 1) + "(x, [4, 9])", names)
    return float(np.abs(old - eval(rewritten, names)).max())


@pytest.mark.parametrize("name", RESIZING)
def test_a_rewrite_that_changes_numbers_does(name: str) -> None:
    assert difference(name) > 50  # pixels reach 3025; 51 is the least of them, seen for bicubic


def test_a_rewrite_that_changes_none_is_told_apart() -> None:
    assert difference("tf.image.resize_area") == 0


def test_the_summary_counts_what_it_sees_and_misses() -> None:
    found = scan(FILES / "whole", jobs=1)
    summary = upgrade.summarize(found)
    places = [(use.place, use.name) for use, _, _ in summary.numbers]
    assert places == [
        ("resize.py:2", "tf.image.resize_bilinear"),
        ("resize.py:3", "tf.image.resize_nearest_neighbor"),
    ]
    assert summary.rewrites["tf.log"] == "tf.math.log(x)"
    assert summary.rewrites["tf.layers.dense"] == "tf.layers.dense(x)"  # which is gone
    assert summary.still_gone == 6  # three of layers and cells, three of estimators
    assert summary.seen + summary.missed == len(
        [use for use in found.of("use") if use.form != "import"]
    )
    assert summary.missed == 3  # rnn.MultiRNNCell, minimize, request_stop


def test_aliases_are_missed() -> None:
    summary = upgrade.summarize(scan(FILES / "aliases" / "contrib_from.py"))
    assert (summary.seen, summary.missed) == (0, 1)


def test_a_damaged_cache_is_made_anew(cache: Path) -> None:
    first = upgrade.rewrites(["tf.log"])
    path = cache / "tf1-tf2-pairs" / f"upgrade-script-{trying.version()}.json"
    path.write_text("{")
    assert upgrade.rewrites(["tf.log"]) == first
    assert path.read_text() != "{"
