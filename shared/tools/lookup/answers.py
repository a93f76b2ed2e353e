"""Compares the code of answers with what it replaces: the old call under real TensorFlow 1.15."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from shared.errors import SuiteError
from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment
from shared.tools.lookup.index import Symbol

# How far two releases may be apart, relative to the largest number of a result: eight roundings of
# float32. Sums in another order and other versions of exp and log differ by that.
TOLERANCE = 8 * 2.0**-24

Task = tuple[str, int, str]  # a symbol's name, a seed, and the code to run


def old_code(symbol: Symbol) -> str:
    """Returns the TensorFlow 1 code that an answer is compared with, after its inputs."""
    return "\n".join(filter(None, [symbol.given, symbol.old]))


def new_code(symbol: Symbol) -> str:
    """Returns the code that an answer shows, after its inputs and before what reads its result."""
    return "\n".join(filter(None, [symbol.given, symbol.tf2, symbol.then]))


def compared(symbols: Iterable[Symbol]) -> list[Symbol]:
    """Returns those whose code is compared with the old call."""
    return [symbol for symbol in symbols if symbol.old is not None]


def disagreements(symbols: Iterable[Symbol]) -> dict[str, str]:
    """Runs the code of answers in both TensorFlows, a process each.

    Returns:
        By name, what is wrong: an error, or by how much the results differ.

    Raises:
        SuiteError: a process failed as a whole.
    """
    wanted = compared(symbols)
    old = _start(str(TF115_PYTHON), [_task(each, old_code(each)) for each in wanted])
    new = _start(sys.executable, [_task(each, new_code(each)) for each in wanted])
    before, after = _results(*old), _results(*new)
    found = {}
    for symbol in wanted:
        problem = _problem(before[symbol.name], after[symbol.name], symbol.tolerance or TOLERANCE)
        if problem is not None:
            found[symbol.name] = problem
    return found


def _task(symbol: Symbol, code: str) -> Task:
    """Returns what to run for a symbol; its seed is its own and the same in every run."""
    return symbol.name, zlib.crc32(symbol.name.encode()) % 2**31, code


def _start(python: str, tasks: Sequence[Task]) -> tuple[subprocess.Popen[str], str]:
    """Starts a process for the tasks; returns it, and the text that it waits for."""
    environment = dict(os.environ) if python == sys.executable else tf115_environment()
    process = subprocess.Popen(
        [python, "-m", "shared.tools.lookup.run_answers"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, json.dumps(tasks)


def _results(process: subprocess.Popen[str], request: str) -> dict[str, dict[str, Any]]:
    """Returns by symbol its `result`, or its `error` as one line."""
    output, errors = process.communicate(request)
    if process.returncode != 0:
        last_line = (errors.strip() or "no message").splitlines()[-1]
        raise SuiteError(f"{process.args!r}: expected results of answers, found: {last_line}")
    results: dict[str, dict[str, Any]] = json.loads(output.splitlines()[-1])
    return results


def _problem(before: dict[str, Any], after: dict[str, Any], tolerance: float) -> str | None:
    for side, outcome in (("TensorFlow 1.15", before), ("TensorFlow 2", after)):
        if "error" in outcome:
            return f"{side}: {outcome['error']}"
    return difference(before["result"], after["result"], tolerance)


def difference(before: Any, after: Any, tolerance: float = TOLERANCE) -> str | None:
    """Returns how two results differ, in words, or None if they agree.

    Args:
        before: the result under TensorFlow 1.15: numbers, texts and bools in lists and tables.
        after: the result under TensorFlow 2.
        tolerance: how far numbers may be apart, relative to the largest finite one of `before`.
    """
    left, right = list(_leaves(before)), list(_leaves(after))
    if _shape(before) != _shape(after):
        return f"shape {_shape(before)} before, {_shape(after)} after"
    pairs = list(zip(left, right, strict=True))
    for a, b in pairs:
        if not (_is_number(a) and _is_number(b)) and a != b:
            return f"{a!r} before, {b!r} after"
    numbers = [(a, b) for a, b in pairs if _is_number(a) and not _same(a, b)]
    if not numbers:
        return None
    largest = max(abs(a) for a, _ in pairs if _is_number(a) and math.isfinite(a)) or 1.0
    apart = max(abs(a - b) for a, b in numbers) / largest
    # Not "apart > tolerance": a NaN on one side only is a difference too.
    return None if apart <= tolerance else f"{apart:.3g} apart, relative to the largest number"


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shape(found: Any) -> Any:
    """Returns the nesting of a result: its lists and tables, with None for what is in them."""
    if isinstance(found, dict):
        return {key: _shape(each) for key, each in found.items()}
    return [_shape(each) for each in found] if isinstance(found, list) else None


def _leaves(found: Any) -> Iterator[Any]:
    """Yields what is in the lists and tables of a result, tables in the order of their keys."""
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    if isinstance(found, list):
        for each in found:
            yield from _leaves(each)
    else:
        yield found
