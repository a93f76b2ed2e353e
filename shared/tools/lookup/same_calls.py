"""Calls that are the same in TensorFlow 2, of functions whose arguments it changed.

    python -m shared.tools.lookup.same_calls

renews `same_calls.json`, the parameters of these functions in TensorFlow 1.15 and in TensorFlow 2.
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.tools import toml
from shared.tools.child_process import TF115_PYTHON, run_module, tf115_environment

CALLS_FILE = Path(__file__).with_name("same_calls.toml")
PARAMETERS_FILE = Path(__file__).with_name("same_calls.json")


@dataclass(frozen=True)
class SameCall:
    """A function that gives the same where all arguments of a call are in both TensorFlows.

    Attributes:
        call: an example, which a test runs in both.
        also: other names of the function.
        moved: TensorFlow 2's names of parameters that have another one there.
        other: parameters that mean something else in TensorFlow 2.
    """

    call: str
    also: tuple[str, ...]
    moved: dict[str, str]
    other: frozenset[str]


@functools.cache
def same_calls() -> dict[str, SameCall]:
    """Returns the functions by name, without `tf.`."""
    table = toml.loads(CALLS_FILE.read_text(encoding="utf-8"))
    return {
        name: SameCall(
            entry["call"],
            tuple(entry.get("also", ())),
            entry.get("moved", {}),
            frozenset(entry.get("other", ())),
        )
        for name, entry in table.items()
    }


def is_same(name: str, positional: int, keywords: tuple[str, ...]) -> bool:
    """Returns whether a call means the same in TensorFlow 2, by its arguments.

    Args:
        name: of the function, without `tf.`.
        positional: how many arguments the call gives by position.
        keywords: those that it gives by name.
    """
    name = _first_names().get(name, name)
    if name not in same_calls():
        return False
    entry = same_calls()[name]
    before, after = (table[name] for table in _parameters())
    by_position = [entry.moved.get(each, each) for each in before[:positional]]
    return (
        len(by_position) == positional
        and by_position == after[:positional]
        and set(keywords) <= set(before) & set(after)
        and not entry.other & {*by_position, *keywords}
    )


@functools.cache
def _first_names() -> dict[str, str]:
    return {also: name for name, entry in same_calls().items() for also in entry.also}


@functools.cache
def _parameters() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The parameters in 1.15 and in TensorFlow 2, by function."""
    table = json.loads(PARAMETERS_FILE.read_text(encoding="utf-8"))
    return table["tensorflow 1"], table["tensorflow 2"]


def parameters_now(python: str, python_tf115: str) -> dict[str, Any]:
    """Returns the table, as `same_calls.json` holds it.

    Args:
        python: the interpreter with TensorFlow 2.
        python_tf115: the one with TensorFlow 1.15.
    """
    return {
        "made by": "python -m shared.tools.lookup.same_calls",
        "tensorflow 1": _printed(python_tf115),
        "tensorflow 2": _printed(python),
    }


def _printed(python: str) -> dict[str, list[str]]:
    names, module = [*same_calls()], "shared.tools.lookup.parameters"
    printed = run_module(python, module, names, tf115_environment(), "parameters of functions")
    found: dict[str, list[str]] = json.loads(printed)
    return found


if __name__ == "__main__":
    table = parameters_now(sys.executable, str(TF115_PYTHON))
    PARAMETERS_FILE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
