"""Runs what the guide measures, each module of `measuring` in a process of its own, and keeps it.

A result is kept in build/guide-measured as long as nothing changes that it comes from: its sources
and the packages of both environments. The tests take it from there too. Delete the folder to
measure anew.
"""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.errors import SuiteError
from shared.tools.child_process import ROOT, TF115_PYTHON

KEPT = ROOT / "build" / "guide-measured"
_EXTENSIONS = Path(__file__).resolve().parents[2]
# What each measurement comes from: files, and all files below folders.
_COMMON = ("docs/guide/_ext/measuring", "shared", "tf1_style", "tf2_style")
SOURCES = {
    "ladder": ("docs/guide/ladder", *_COMMON),
    "own_model": ("docs/guide/own_model", *_COMMON),
    "pitfalls_and_symbols": _COMMON,
}
NAMES = tuple(SOURCES)
_SECONDS = 600  # after which a measurement is taken to hang


class MeasuringError(SuiteError):
    """A measurement of the guide failed."""


def measure_all(names: tuple[str, ...] = NAMES) -> None:
    """Measures what is not kept yet, side by side.

    Raises:
        MeasuringError: a measurement failed; the message holds its last line.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not _kept(name).exists()]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(_measure, missing))


def measured(name: str) -> Any:
    """Returns what was measured, measuring it first where it is not kept.

    Raises:
        MeasuringError: as `measure_all`.
    """
    measure_all((name,))
    return json.loads(_kept(name).read_text(encoding="utf-8"))


@functools.cache  # the sources of a build are those that it began with
def state_of_sources(name: str) -> str:
    """Returns a digest that changes with everything that a measurement comes from."""
    digest = hashlib.sha256(f"{sys.version} {platform.platform()} {TF115_PYTHON.exists()}".encode())
    digest.update("\n".join(_installed()).encode())
    for source in SOURCES[name]:
        for path in _files(ROOT / source):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _installed() -> list[str]:
    """Returns the packages of both environments with their versions, as folders are named."""
    environments = (Path(sys.prefix), TF115_PYTHON.parents[1])
    found = (each.glob("lib/python*/site-packages/*-info") for each in environments)
    return sorted(str(path) for paths in found for path in paths)


def _files(source: Path) -> list[Path]:
    """Returns a file, or what lies below a folder but for compiled code."""
    below = (path for path in source.rglob("*") if path.is_file())
    left = sorted(path for path in below if "__pycache__" not in path.parts)
    return [source] if source.is_file() else left


def _kept(name: str) -> Path:
    return KEPT / f"{name}-{state_of_sources(name)}.json"


def _measure(name: str) -> None:
    paths = [str(ROOT), str(_EXTENSIONS)]
    process = subprocess.run(
        [sys.executable, "-m", f"measuring.{name}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if process.returncode:
        last_line = (process.stderr.strip() or "no message").splitlines()[-1]
        raise MeasuringError(f"measuring.{name}: expected results, found: {last_line}")
    partial = _kept(name).with_suffix(".partial")
    partial.write_text(process.stdout, encoding="utf-8")
    partial.replace(_kept(name))
    for old in set(KEPT.glob(f"{name}-*")) - {_kept(name)}:  # what a killed build left, too
        old.unlink()
