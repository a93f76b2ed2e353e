"""The units of work of the tests: what stays together, and what begins first."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distribution import BY_MODEL, LONGEST, ordered, unit_of
from shared.models import PAIRS

ROOT = Path(__file__).parents[2]


def item(nodeid: str, **parameters: Any) -> Any:
    if not parameters:
        return SimpleNamespace(nodeid=nodeid)
    return SimpleNamespace(nodeid=nodeid, callspec=SimpleNamespace(params=parameters))


def test_a_file_stays_together_and_some_are_split_by_model() -> None:
    whole, split = "tests/guide/test_snippets.py", sorted(BY_MODEL)[0]
    assert unit_of(item(f"{whole}::test_a[cnn]", name="cnn")) == whole
    assert unit_of(item(f"{split}::test_a")) == unit_of(item(f"{split}::test_b", n=1)) == split
    assert unit_of(item(f"{split}::test_a[cnn-7]", n=7, name="cnn")) == f"{split}::cnn"


def test_the_longest_begin_first_and_none_is_lost() -> None:
    units = ["a", LONGEST[1], "b", LONGEST[0], "a"]
    assert list(ordered(units)) == [LONGEST[0], LONGEST[1], "a", "b"]


@pytest.mark.parametrize("unit", sorted({*BY_MODEL, *LONGEST}))
def test_every_unit_that_is_named_exists(unit: str) -> None:
    file, _, model = unit.partition("::")
    assert (ROOT / file).exists()
    assert not model or (model in PAIRS and file in BY_MODEL)
