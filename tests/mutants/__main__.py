"""Makes each change in a copy of the suite and says what notices it.

python -m mutants [--only TEXT] [--every N] [--jobs N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple

import pytest

from forked_python import Server
from mutants.changes import ROOT, Change, all_changes, changed_text

NUMBER, TEXT_RULE, NOTHING = "a number", "a text rule", "nothing"
TEXT_RULES = ("tests/pairs/test_pair_rules.py", "tests/guide/test_guide_hunks.py")
COPIED = ("tf1_style", "tf2_style", "shared", "tests", "docs", "benchmarks", "pyproject.toml")
# An update that never ends, or a lock that is never released, shows as a test that takes too long.
SECONDS = 600
TOO_LONG = f"no end within {SECONDS} seconds"


class Copy:
    """A copy of the suite, with a process that forks for each run of its tests.

    That process has imported TensorFlow, and no module of the suite stays in a fork of it: so each
    run imports the suite as the copy has it.
    """

    def __init__(self, folder: Path) -> None:
        """Copies what the tests need into a folder, which is made."""
        self.folder = folder
        skipped = shutil.ignore_patterns("__pycache__", "build")
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=skipped)
            else:
                shutil.copy(source, folder / name)
        for name in (".venv", ".venv-tf115"):
            if (ROOT / name).exists():
                os.symlink(ROOT / name, folder / name)
        left_out = ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST")
        inherited = {name: value for name, value in os.environ.items() if name not in left_out}
        paths = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        self._environment = {**inherited, **paths}
        self._server: Server | None = None
        self._is_sound: dict[str, bool] = {}

    @contextlib.contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        """Makes a change, and takes it back."""
        before = {file: (self.folder / file).read_text(encoding="utf-8") for file in change.files}
        try:
            for file in change.files:
                text = changed_text(change, file, self.folder)
                (self.folder / file).write_text(text, encoding="utf-8")
            yield
        finally:
            for file, text in before.items():
                (self.folder / file).write_text(text, encoding="utf-8")

    def is_sound(self, test: str) -> bool:
        """Whether a test, that a change makes fail, passes without the change."""
        if test not in self._is_sound:
            self._is_sound[test] = not failing(self, ["-m", "", test])
        return self._is_sound[test]

    @property
    def unsound(self) -> list[str]:
        """The arguments that leave out tests that fail without a change: they notice nothing."""
        tests = [test for test, is_sound in self._is_sound.items() if not is_sound]
        return [word for test in tests for word in ("--deselect", test)]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a program, such as `-m pytest`, that imports the suite from the copy.

        Raises:
            subprocess.TimeoutExpired: it took longer than SECONDS.
        """
        if self._server is None:
            self._server = Server(sys.executable, (), self._environment)
        try:
            return self._server.run(words, self.folder, self._environment, self.folder, SECONDS)
        except subprocess.TimeoutExpired:
            self._server = None  # it has ended
            raise

    def end(self) -> None:
        """Ends the process."""
        if self._server is not None:
            self._server.end()


class Found(NamedTuple):
    """What noticed a change.

    Attributes:
        what: a number, a text rule, nothing.
        test: the first test that fails.
    """

    what: str
    test: str = ""


def failing(copy: Copy, arguments: Sequence[str]) -> str | None:
    """Returns the first test that fails in a copy of the suite, "" if none does.

    None if these arguments select no test.

    Raises:
        RuntimeError: pytest could not run.
    """
    try:
        done = copy.run("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments)
    except subprocess.TimeoutExpired:
        return TOO_LONG
    if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        return None
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"pytest {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr}")
    if done.returncode == 0:
        return ""
    named = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return named[1] if named else done.stdout[-200:]


# The quick tests first: most changes are noticed by one of them.
_MARKS = ((), ("-m", "slow"))


def noticed_by(change: Change, copy: Copy) -> Found:
    """Makes a change in a copy, looks what notices it, and takes it back."""
    found = []
    for marks in _MARKS:
        while True:
            with copy.changed(change):
                found.append(failing(copy, [*marks, *copy.unsound, *change.tests]))
            if not found[-1]:
                break
            if found[-1] == TOO_LONG or copy.is_sound(found[-1]):
                return Found(NUMBER, found[-1])
    if set(found) == {None}:
        raise RuntimeError(f"{change.name}: no test is selected by {' '.join(change.tests)}")
    with copy.changed(change):
        rule = failing(copy, [*copy.unsound, *TEXT_RULES])
    return Found(TEXT_RULE, rule) if rule else Found(NOTHING)


def try_all(changes: Sequence[Change], jobs: int, folder: Path) -> list[str]:
    """Prints each change as it is tried, and how long it took; returns what noticed each."""
    made = [Copy(folder / str(number)) for number in range(jobs)]
    copies: Queue[Copy] = Queue()
    for each in made:
        copies.put(each)

    def one(change: Change) -> str:
        copy, start = copies.get(), time.monotonic()
        try:
            found = noticed_by(change, copy)
        finally:
            copies.put(copy)
        seconds = time.monotonic() - start
        print(f"{found.what:<12} {seconds:4.0f} s  {change.name}", flush=True)
        if found.test:
            print(f"{'':<21} {found.test}", flush=True)
        return found.what

    try:
        with ThreadPoolExecutor(jobs) as pool:
            return list(pool.map(one, changes))
    finally:
        for each in made:
            each.end()


def main(arguments: list[str] | None = None) -> int:
    """Tries the changes; returns 1 if no number notices one of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what it started
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="changes whose line holds this text")
    parser.add_argument("--every", type=int, default=1, help="each N-th of them")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parsed = parser.parse_args(arguments)
    changes = [change for change in all_changes() if parsed.only in change.name][:: parsed.every]
    with tempfile.TemporaryDirectory() as folder:
        found = try_all(changes, parsed.jobs, Path(folder))
    counts = Counter(found)
    print(f"\n{len(changes)} changes noticed by", end=" ")
    print(", ".join(f"{what}: {counts[what]}" for what in (NUMBER, TEXT_RULE, NOTHING)))
    for change, what in zip(changes, found, strict=True):
        if what != NUMBER:
            print(f"  by {what}: {change.name}")
    return 0 if counts[NUMBER] == len(changes) else 1


if __name__ == "__main__":
    sys.exit(main())
