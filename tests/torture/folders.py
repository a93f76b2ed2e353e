"""Folders that cannot be written: a full disk, read-only, in use by another process."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from saved import restore, save
from shared.checkpoints import claim_folder
from shared.errors import CheckpointError
from torture.children import Child, Tell
from torture.kills import leftovers
from torture.models import fingerprint, fresh, prepare, train
from torture.outcomes import EXACT, REFUSED, WRONG, Tally, judge

# Bytes that a file may have: an index has about 300 (Saver) or 700, the list about 200, a record
# about 400. The last lets everything through.
FILE_LIMITS = (0, 1, 39, 40, 100, 150, 200, 250, 296, 350, 400, 450, 500, 700, 1000, 1300, 10000)
FREE_PAGES = range(14)  # of 4 KiB, on the disk when the save begins; the last is enough
PAGE = 4096
NOBODY = 65534  # the user that may write nothing

Left = tuple[str, Path, list[str]]  # a case, its folder, and what the child told


def save_once_more(style: str, folder: Path, tell: Tell, spoil: Callable[[], None]) -> None:
    """Saves twice, spoils something, saves again; tells the second save and how the third ended."""
    tell(prepare(style, folder, 2)[-1])
    model = fresh(style)
    restore(model, str(folder))
    train(model)
    after = fingerprint(model)
    spoil()
    try:
        with claim_folder(str(folder)):
            save(model, str(folder))
        tell(f"saved {after}")
    except CheckpointError as error:
        tell(f"refused {error}")


def spoiled(style: str, folder: Path, spoil: Callable[[], None]) -> list[str]:
    """Returns what a child told that saves once more after `spoil`."""
    return Child(lambda tell: save_once_more(style, folder, tell, spoil)).lines()


def limited(style: str, work: Path, limits: Sequence[int] = FILE_LIMITS) -> list[Left]:
    """Saves while no file may grow beyond a limit, as on a disk that is full or has a quota."""

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    left = []
    for size in limits:
        folder = work / f"limited-{size}"
        told = spoiled(style, folder, lambda size=size: limit(size))  # type: ignore[misc]
        left.append((f"files of at most {size} bytes", folder, told))
    return left


def full(style: str, work: Path, pages: Sequence[int] = FREE_PAGES) -> list[Left]:
    """Saves on a small file system with a few pages free; [] where none may be mounted."""
    left: list[Left] = []
    disk, folder = work / "disk", work / "disk" / "folder"
    with small_disk(disk) as mounted:
        for free in pages if mounted else ():
            told = spoiled(style, folder, lambda free=free: fill(disk, free))  # type: ignore[misc]
            copy = work / f"full-{free}"
            shutil.copytree(folder, copy)
            told = [line.replace(str(folder), str(copy)) for line in told]
            left.append((f"{free} pages free", copy, told))
            shutil.rmtree(folder)
            (disk / "filler").unlink()
    return left


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mounts a file system of 1 MiB; False where that is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def fill(disk: Path, pages: int) -> None:
    """Fills a file system until `pages` are free."""
    with open(disk / "filler", "wb") as file:
        while os.statvfs(disk).f_bavail > pages:
            file.write(bytes(PAGE))
            file.flush()


def read_only(style: str, work: Path) -> list[Left]:
    """Saves into a folder that this user may only read."""
    folder = work / "read-only"

    def forbid() -> None:
        folder.chmod(0o555)
        if os.getuid() == 0:  # root may write everywhere
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    return [("read-only", folder, spoiled(style, folder, forbid))]


def look_at(style: str, kind: str, left: list[Left], note: str = "") -> Tally:
    """Restores what spoiled saves left: the new state where it was saved, else the one before."""
    tally, model = Tally(f"{style} {kind}", note=note if not left else ""), fresh(style)
    for case, folder, told in left:
        how, _, detail = told[-1].partition(" ")
        outcome, found = judge(model, folder, [detail if how == "saved" else told[0]])
        said = how == "saved" or (how == "refused" and str(folder) in detail)
        if outcome == EXACT and said and not leftovers(folder):
            tally.add(case, EXACT if how == "saved" else REFUSED)
        else:
            tally.add(case, WRONG, f"{told[-1]}; then {found}; left over: {leftovers(folder)}")
    return tally


def two_writers(work: Path, style: str) -> Tally:
    """A second writer is refused, and let in once the first was killed."""
    folder = work / "two-writers"

    def hold(tell: Tell) -> None:
        with claim_folder(str(folder)):
            tell("held")
            signal.pause()

    def try_once(tell: Tell) -> None:
        try:
            with claim_folder(str(folder)):
                tell("held")
        except CheckpointError as error:
            tell(f"refused {error}")

    first = Child(hold)
    first.line()
    (second,) = Child(try_once).lines()
    first.kill()
    (third,) = Child(try_once).lines()
    tally = Tally(f"{style} two writers")
    clear = second.startswith("refused") and f"process {first.pid} " in second
    tally.add("a second writer", REFUSED if clear else WRONG, second)
    tally.add("a writer after a killed one", EXACT if third == "held" else WRONG, third)
    return tally
