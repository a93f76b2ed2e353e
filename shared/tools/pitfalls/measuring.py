"""Measures pitfalls: with the installed TensorFlow in this process, with real 1.15 in another."""

from __future__ import annotations

import concurrent.futures
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from shared.errors import SuiteError
from shared.tools.child_process import run_module, tf115_environment
from shared.tools.pitfalls.pitfall import SIDES, Pitfall, Reading, Value
from shared.tools.pitfalls.run_files import run

NOT_MEASURED = "not measured: make tf115"

Measured = dict[str, Value]  # by quantity


def measure(
    pitfalls: Iterable[Pitfall], tf115_python: Path | None = None
) -> dict[str, list[Reading]]:
    """Runs the three files of each pitfall.

    TensorFlow 1.15 and legacy Keras run in processes of their own, at the same time as this one.

    Args:
        pitfalls: which ones.
        tf115_python: the interpreter that has TensorFlow 1.15; None leaves it out.

    Returns:
        The readings of each pitfall, by its name: one per quantity, in the order of its tf1.py.

    Raises:
        SuiteError: a file failed; the message names it, or its process, and says why.
    """
    wanted = list(pitfalls)
    files = [(each.name, side) for each in wanted for side in SIDES]
    legacy = [(each.name, side) for each in wanted for side in each.legacy_keras]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        legacy_keras = pool.submit(measure_legacy_keras, legacy)
        tf115 = pool.submit(_tf115_or_nothing, [each.name for each in wanted], tf115_python)
        found = {file: measure_here(*file) for file in files if file not in legacy}
        found.update(legacy_keras.result())
    before = tf115.result()
    return {
        each.name: _readings(
            found[each.name, "tf1"],
            found[each.name, "naive"],
            found[each.name, "fixed"],
            before.get(each.name),
        )
        for each in wanted
    }


def _tf115_or_nothing(names: Sequence[str], python: Path | None) -> dict[str, Measured]:
    return measure_tf115(names, python) if python else {}


def _readings(
    tf1: Measured, naive: Measured, fixed: Measured, tf115: Mapping[str, Value] | None
) -> list[Reading]:
    """Returns the readings of one pitfall; `tf115` is None where 1.15 was not run."""
    return [
        Reading(
            quantity,
            tf115[quantity] if tf115 is not None else None,
            value,
            naive[quantity],
            fixed.get(quantity),
        )
        for quantity, value in tf1.items()
    ]


def measure_here(name: str, side: str) -> Measured:
    """Runs one file of a pitfall in this process; returns its results.

    Args:
        name: of the pitfall.
        side: one of `SIDES`.

    Raises:
        SuiteError: the file failed.
    """
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    try:
        return run(name, side)
    except Exception as error:
        kind = type(error).__name__
        raise SuiteError(f"{name}/{side}.py: expected results, found: {kind}: {error}") from error


def measure_legacy_keras(files: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Measured]:
    """Runs files of pitfalls with legacy Keras, in one process; returns the results of each.

    Args:
        files: (name of a pitfall, side) of each.

    Raises:
        SuiteError: a file failed; the message contains the last line that the process printed.
    """
    if not files:
        return {}
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    return _run(sys.executable, files, environment, "results with legacy Keras (tf_keras)")


def measure_tf115(names: Sequence[str], python: Path) -> dict[str, Measured]:
    """Runs the tf1.py of each pitfall under TensorFlow 1.15, in one process; returns the results.

    Args:
        names: of the pitfalls.
        python: the interpreter that has TensorFlow 1.15.

    Raises:
        SuiteError: a file failed; the message contains the last line that the process printed.
    """
    files = [(name, "tf1") for name in names]
    found = _run(str(python), files, tf115_environment(), "numbers from TensorFlow 1.15")
    return {name: measured for (name, _), measured in found.items()}


def _run(
    python: str, files: Sequence[tuple[str, str]], environment: Mapping[str, str], expected: str
) -> dict[tuple[str, str], Measured]:
    """Runs files in one process; `expected` says in its error what was expected of it."""
    module = "shared.tools.pitfalls.run_files"
    arguments = ["/".join(file) for file in files]
    found = json.loads(run_module(python, module, arguments, environment, expected))
    return {file: found["/".join(file)] for file in files}
