"""Measures pitfalls: the installed TensorFlow in this process, real 1.15 beside it."""

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
    """Runs every file of some pitfalls.

    TensorFlow 1.15, and what needs a process of its own, run beside this process.

    Args:
        pitfalls: which ones.
        tf115_python: the interpreter that has TensorFlow 1.15; None leaves it out.

    Returns:
        By name of the pitfall a reading per quantity, in the order of its tf1.py.

    Raises:
        SuiteError: a file failed; the message names it, or its process, and says why.
    """
    wanted = list(pitfalls)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        alone = {
            (each.name, side): pool.submit(measure_alone, each.name, side)
            for each in wanted
            for side in each.alone
        }
        names = [each.name for each in wanted]
        tf115 = pool.submit(measure_tf115, names, tf115_python) if tf115_python else None
        here = {
            (each.name, side): measure_here(each.name, side)
            for each in wanted
            for side in SIDES
            if side not in each.alone
        }
        here.update({key: future.result() for key, future in alone.items()})
        before = tf115.result() if tf115 else None
    return {
        name: _readings(*(here[name, side] for side in SIDES), before[name] if before else None)
        for name in names
    }


def _readings(
    tf1: Measured, naive: Measured, fixed: Measured, tf115: Mapping[str, Value] | None
) -> list[Reading]:
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
    """Returns what a file of a pitfall finds in this process.

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


def measure_alone(name: str, side: str) -> Measured:
    """Returns what a file of a pitfall finds in a process of its own.

    Raises:
        SuiteError: the file failed.
    """
    return _run(sys.executable, side, [name], os.environ, f"results of {name}/{side}.py")[name]


def measure_tf115(names: Sequence[str], python: Path) -> dict[str, Measured]:
    """Returns what the tf1.py of each pitfall finds under TensorFlow 1.15, in one process.

    Args:
        names: names of pitfalls.
        python: the interpreter that has TensorFlow 1.15.

    Raises:
        SuiteError: the process failed; the message holds its last line.
    """
    expected = "numbers from TensorFlow 1.15"
    return _run(str(python), "tf1", names, tf115_environment(), expected)


def _run(
    python: str, side: str, names: Sequence[str], environment: Mapping[str, str], expected: str
) -> dict[str, Measured]:
    module = "shared.tools.pitfalls.run_files"
    found: dict[str, Measured] = json.loads(
        run_module(python, module, [side, *names], environment, expected)
    )
    return found
