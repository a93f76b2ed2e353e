"""Holds the code of answers against what it replaces: the old call under real TensorFlow 1.15."""

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

# How far two releases may be apart, of the largest number of a result: eight roundings of float32,
# as sums in another order and other versions of exp and log make them.
TOLERANCE = 8 * 2.0**-24

Codes = list[tuple[str, int, str]]


def old_code(symbol: Symbol) -> str:
    """Returns the TensorFlow 1 code that an answer is held against, with its inputs."""
    return "\n".join(filter(None, [symbol.given, symbol.old]))


def new_code(symbol: Symbol) -> str:
    """Returns the code that an answer shows, with its inputs and what looks at its result."""
    return "\n".join(filter(None, [symbol.given, symbol.tf2, symbol.then]))


def disagreements(held: Iterable[Symbol]) -> dict[str, str]:
    """Runs the code of answers in both TensorFlows at once, a process each.

    Returns:
        By name, what is wrong: an error, or by how much the results differ.

    Raises:
        SuiteError: a process failed as a whole.
    """
    symbols = [symbol for symbol in held if symbol.old is not None]
    old = _start(str(TF115_PYTHON), [_piece(each, old_code(each)) for each in symbols])
    new = _start(sys.executable, [_piece(each, new_code(each)) for each in symbols])
    before, after = _results(*old), _results(*new)
    found = {}
    for symbol in symbols:
        problem = _problem(before[symbol.name], after[symbol.name], symbol.tolerance or TOLERANCE)
        if problem is not None:
            found[symbol.name] = problem
    return found


def _piece(symbol: Symbol, code: str) -> tuple[str, int, str]:
    """A code with its name and a seed of its own, the same in every run."""
    return symbol.name, zlib.crc32(symbol.name.encode()) % 2**31, code


def _start(python: str, codes: Codes) -> tuple[subprocess.Popen[str], str]:
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
    return process, json.dumps(codes)


def _results(process: subprocess.Popen[str], request: str) -> dict[str, dict[str, Any]]:
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
    """Returns how two results differ, relative to the largest number; None where they do not."""
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
    return None if apart <= tolerance else f"{apart:.3g} apart, of the largest number"


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shape(found: Any) -> Any:
    """The lengths of nested lists, and the keys of tables."""
    if isinstance(found, dict):
        return {key: _shape(each) for key, each in found.items()}
    return [_shape(each) for each in found] if isinstance(found, list) else None


def _leaves(found: Any) -> Iterator[Any]:
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    if isinstance(found, list):
        for each in found:
            yield from _leaves(each)
    else:
        yield found


def held(symbols: Sequence[Symbol]) -> list[Symbol]:
    """Returns those whose code is held against the old call."""
    return [symbol for symbol in symbols if symbol.old is not None]
