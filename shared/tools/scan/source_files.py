"""Finds the Python files and notebooks of a tree, without what `.gitignore` leaves out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pathspec

from shared.errors import UsageError

SUFFIXES = (".py", ".ipynb")
# Folders of tools and of installed packages; hidden folders are left out too.
_LEFT_OUT = {"__pycache__", "node_modules", "site-packages"}
_Ignored = list[tuple[Path, pathspec.GitIgnoreSpec]]


@dataclass(frozen=True)
class Problem:
    """A file that could not be scanned.

    Attributes:
        path: from the scanned folder.
        reason: in a few words.
    """

    path: str
    reason: str


@dataclass
class Tree:
    """What was found under a path.

    Attributes:
        root: the folder from which paths are relative.
        paths: of the files to scan, relative with forward slashes, sorted.
        problems: what was left out, less what `.gitignore` names.
        ignored: the number of files that a `.gitignore` leaves out.
    """

    root: Path
    paths: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored: int = 0


def find(path: Path) -> Tree:
    """Returns the files to scan under a folder, or the one file.

    Raises:
        UsageError: there is no such file or folder, or it cannot be read.
    """
    if path.is_file():
        return Tree(path.parent, [path.name])
    if not path.is_dir():
        raise UsageError(f"PATH: expected a file or a folder, found none at {str(path)!r}")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"PATH: expected a folder that can be read, found {str(path)!r}")
    tree = Tree(path)
    _Walk(tree).folder(path, [])
    tree.paths.sort()
    return tree


class _Walk:
    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.seen = {os.path.realpath(tree.root)}

    def folder(self, folder: Path, ignored: _Ignored) -> None:
        """Adds what a folder holds, in an order that does not depend on the file system."""
        ignored = [*ignored, *_gitignore(folder)]
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self.problem(folder, f"cannot be read: {error.strerror}")
            return
        for entry in entries:
            self.entry(Path(entry.path), entry, ignored)

    def entry(self, path: Path, entry: os.DirEntry[str], ignored: _Ignored) -> None:
        is_source = entry.name.endswith(SUFFIXES)
        try:
            is_folder = entry.is_dir()
        except OSError:
            is_folder = False
        if is_folder and (entry.name.startswith(".") or entry.name in _LEFT_OUT):
            return
        if not (is_folder or is_source):
            return
        if _is_ignored(path, is_folder, ignored):
            self.tree.ignored += is_source and not is_folder
        elif self.is_new(path, entry):
            if is_folder:
                if not (path / "pyvenv.cfg").exists():
                    self.folder(path, ignored)
            else:
                self.file(path, entry)

    def is_new(self, path: Path, entry: os.DirEntry[str]) -> bool:
        """Whether a link leads to something that is not scanned anyway."""
        if not entry.is_symlink():
            self.seen.add(os.path.realpath(path))
            return True
        target = os.path.realpath(path)
        root = os.path.realpath(self.tree.root)
        if not os.path.exists(target):
            self.problem(path, "a symbolic link that leads nowhere")
        elif target == root or target.startswith(root + os.sep) or target in self.seen:
            self.problem(path, "a symbolic link to what is scanned under its own name")
        else:
            self.seen.add(target)
            return True
        return False

    def file(self, path: Path, entry: os.DirEntry[str]) -> None:
        if stat.S_ISREG(entry.stat().st_mode):
            self.tree.paths.append(self.relative(path))
        else:
            self.problem(path, "not a regular file")

    def problem(self, path: Path, reason: str) -> None:
        self.tree.problems.append(Problem(self.relative(path), reason))

    def relative(self, path: Path) -> str:
        return path.relative_to(self.tree.root).as_posix()


def _gitignore(folder: Path) -> Iterator[tuple[Path, pathspec.GitIgnoreSpec]]:
    try:
        lines = (folder / ".gitignore").read_text(encoding="utf-8", errors="replace").splitlines()
        yield folder, pathspec.GitIgnoreSpec.from_lines(lines)
    except (OSError, ValueError):  # none there, or one that git could not read either
        return


def _is_ignored(path: Path, is_folder: bool, ignored: _Ignored) -> bool:
    """What the innermost `.gitignore` says that says anything."""
    for folder, spec in reversed(ignored):
        name = path.relative_to(folder).as_posix() + "/" * is_folder
        verdict = spec.check_file(name).include
        if verdict is not None:
            return verdict
    return False
