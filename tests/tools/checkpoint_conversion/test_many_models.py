"""Checkpoints of many models that the suite has no pair of, written by real TensorFlow 1.15."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

from conversion_networks import PORTS
from conversion_settling import REFUSES
from conversion_table import (
    AFTER_EDITS,
    REFUSED,
    WITHOUT_AN_EDIT,
    WRONG,
    convert,
    convert_all,
    table,
)
from tf115_environment import require_tf115

QUICK = ["lstm", "partitioned_mod", "slim_batch_norm"]


@pytest.mark.slow
@pytest.mark.tf115
def test_some_models_cross_and_come_back_without_an_edit(tmp_path: Path) -> None:
    results = convert_all(tmp_path, QUICK, require_tf115())
    assert {result.verdict for result in results} == {WITHOUT_AN_EDIT}, table(results)
    # What is wrong is seen: the same model with one number of its map changed.
    broken = convert(tmp_path, "lstm", lambda text: text.replace("= 1.0 ", "= 0.0 "))
    assert broken.verdict == WRONG and "outputs differ by" in broken.detail
    in_order = ("interleave = 4", "interleave = 1")
    broken = convert(tmp_path, "partitioned_mod", lambda text: text.replace(*in_order))
    assert broken.verdict == WRONG and "outputs differ by" in broken.detail


@pytest.mark.slow
@pytest.mark.tf115
def test_no_model_is_wrong_in_silence(tmp_path: Path) -> None:
    results = convert_all(tmp_path, list(PORTS), require_tf115())
    counts = collections.Counter(result.verdict for result in results)
    assert counts[WRONG] == 0, table(results)
    assert {result.name for result in results if result.verdict == REFUSED} == {*REFUSES}
    assert counts[WITHOUT_AN_EDIT] >= 75 and counts[AFTER_EDITS] <= 19, table(results)
