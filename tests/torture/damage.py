"""Files of a finished folder cut short, with a flipped bit, or deleted."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from torture.models import SAVES, Restore, fresh, prepare, restore
from torture.outcomes import Tally, judge

Damage = tuple[str, Callable[[Path], None]]  # a name, and what does it to a copy of the folder


def cuts(folder: Path) -> Iterator[Damage]:
    """Every file at 0, 1, half and all but one of its bytes."""
    for file in _files(folder):
        size = file.stat().st_size
        for length in sorted({0, 1, size // 2, size - 1}):
            yield f"{file.name} cut at {length}", _cut(file.name, length)


def flips(folder: Path, count: int, seed: int) -> Iterator[Damage]:
    """One bit at each of `count` places, spread over all files; small files get several, too."""
    chosen = random.Random(seed)
    files = _files(folder)
    for index in range(count):
        file = files[index % len(files)]
        position, bit = chosen.randrange(file.stat().st_size), chosen.randrange(8)
        yield f"{file.name} bit {bit} of byte {position}", _flip(file.name, position, bit)


def deletions(folder: Path) -> Iterator[Damage]:
    """Each file."""
    for file in _files(folder):
        yield f"{file.name} deleted", _delete(file.name)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.stat().st_size)


def _cut(name: str, length: int) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        with open(folder / name, "r+b") as file:
            file.truncate(length)

    return cut


def _flip(name: str, position: int, bit: int) -> Callable[[Path], None]:
    def flip(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[position] ^= 1 << bit
        (folder / name).write_bytes(content)

    return flip


def _delete(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def kinds_of_folders(style: str, work: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Folders to damage: three saves, only one, and three of a program that writes no records."""
    for title, saves in (("", SAVES), (", one save", 1), (", no records", SAVES)):
        fingerprints = prepare(style, work / "folder", saves)
        if title == ", no records":
            for record in (work / "folder").glob("*.record"):
                record.unlink()
        # A Saver's list holds full paths: what is damaged must lie where it was saved.
        whole = work / f"whole{len(title)}"
        (work / "folder").rename(whole)
        yield title, whole, fingerprints


def damaged(
    style: str, work: Path, flipped: int, seed: int = 0, restore: Restore = restore
) -> list[Tally]:
    """Damages files one at a time, each in a fresh copy of the folder; returns the counts."""
    model = fresh(style)
    tallies = []
    for title, folder, fingerprints in kinds_of_folders(style, work):
        for kind, damages in (
            ("file cut", cuts(folder)),
            ("bit flipped", flips(folder, flipped, seed)),
            ("file deleted", deletions(folder)),
        ):
            tally = Tally(f"{style} {kind}{title}")
            for name, damage in damages:
                copy = work / "folder"
                shutil.copytree(folder, copy)
                damage(copy)
                tally.add(name, *judge(model, copy, fingerprints[-2:], restore))
                shutil.rmtree(copy)
            tallies.append(tally)
    return tallies
