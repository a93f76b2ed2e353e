"""Runs what the guide measures, each module of `measuring` in a process of its own, and keeps it.

A result is kept in build/guide-measured as long as nothing changes that it comes from: its sources
and the installed packages. Delete the folder to measure anew.
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
# What each measurement comes from: files, and the code and data below folders.
_SUITE = ("shared", "tf1_style", "tf2_style")
_MEASURING = "docs/guide/_ext/measuring"
SOURCES = {
    "ladder": (
        f"{_MEASURING}/ladder.py",
        f"{_MEASURING}/ladder_worker.py",
        "docs/guide/ladder",
        "tf2_style",
        "shared/tensorflow_loading.py",
        "shared/tools/child_process.py",
    ),
    "own_model": (f"{_MEASURING}/own_model.py", "docs/guide/own_model", *_SUITE),
    "pitfalls_and_symbols": (f"{_MEASURING}/pitfalls_and_symbols.py", *_SUITE),
}
NAMES = tuple(SOURCES)
_KINDS = ("*.py", "*.toml", "*.json")
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
    digest.update((ROOT / "constraints.txt").read_bytes())
    for source in SOURCES[name]:
        for path in _files(ROOT / source):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _files(source: Path) -> list[Path]:
    """Returns a file, or the code and data below a folder."""
    below = sorted(path for kind in _KINDS for path in source.rglob(kind))
    return [source] if source.is_file() else below


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
    for old in KEPT.glob(f"{name}-*.json"):
        old.unlink()
    partial = _kept(name).with_suffix(".partial")
    partial.write_text(process.stdout, encoding="utf-8")
    partial.replace(_kept(name))
