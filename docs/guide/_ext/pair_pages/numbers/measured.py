"""Runs what the guide measures, each module of `measuring` in a process of its own, and keeps it.

A result is kept in build/guide-measured as long as nothing changes that it comes from: the sources
of the suite and of the guide, and the installed packages. Delete the folder to measure anew.
"""

from __future__ import annotations

import concurrent.futures
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
NAMES = ("ladder", "own_model", "pitfalls")
# What the measurements come from.
_SOURCES = (
    "shared",
    "tf1_style",
    "tf2_style",
    "docs/guide/_ext/measuring",
    "docs/guide/ladder",
    "docs/guide/own_model",
)
_SECONDS = 600  # after which a measurement is taken to hang


class MeasuringError(SuiteError):
    """A measurement of the guide failed."""


def measure_all(names: tuple[str, ...] = NAMES) -> None:
    """Measures what is not kept yet, side by side.

    Raises:
        MeasuringError: a measurement failed; the message holds its last line.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    state = state_of_sources()
    missing = [name for name in names if not _kept(name, state).exists()]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _measure(name, state), missing))


def measured(name: str) -> Any:
    """Returns what was measured, measuring it first where it is not kept.

    Raises:
        MeasuringError: as `measure_all`.
    """
    measure_all((name,))
    return json.loads(_kept(name, state_of_sources()).read_text(encoding="utf-8"))


def state_of_sources() -> str:
    """Returns a digest that changes with everything that a measurement comes from."""
    digest = hashlib.sha256(f"{sys.version} {platform.platform()} {TF115_PYTHON.exists()}".encode())
    digest.update((ROOT / "constraints.txt").read_bytes())
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _kept(name: str, state: str) -> Path:
    return KEPT / f"{name}-{state}.json"


def _measure(name: str, state: str) -> None:
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
    partial = _kept(name, state).with_suffix(".partial")
    partial.write_text(process.stdout, encoding="utf-8")
    partial.replace(_kept(name, state))
