"""Calls that are the same in TensorFlow 2, of functions whose arguments it changed."""

from __future__ import annotations

import dataclasses
import json
import sys

import pytest

from forked_children import children_in_forks
from shared.tools.lookup import answers
from shared.tools.lookup.index import Symbol
from shared.tools.lookup.same_calls import PARAMETERS_FILE, is_same, parameters_now, same_calls
from tf115_environment import require_tf115

CALLS = [
    Symbol(name, "", "", tf2=each.call, change="", old=each.call)
    for name, each in same_calls().items()
]


@pytest.mark.slow
@pytest.mark.tf115
def test_each_call_gives_the_same_in_both() -> None:
    require_tf115()
    wrong = dataclasses.replace(CALLS[0], name="wrong", tf2="tf.argmax(-x, 1)")
    assert set(answers.disagreements([*CALLS, wrong])) == {"wrong"}


@pytest.mark.slow
@pytest.mark.tf115
def test_the_recorded_parameters_are_those_of_both() -> None:
    recorded = json.loads(PARAMETERS_FILE.read_text(encoding="utf-8"))
    with children_in_forks():
        assert parameters_now(sys.executable, str(require_tf115())) == recorded


def test_a_function_that_is_not_listed_is_not_the_same() -> None:
    assert not is_same("nn.dropout", 1, ())
