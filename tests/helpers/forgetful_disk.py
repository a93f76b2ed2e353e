"""A disk that forgets what was not synced: what a loss of power may leave of a folder.

POSIX promises two things alone: when `fsync` of a file returns, its bytes are on disk; when `fsync`
of a folder returns, the names in it are. Everything since may be there, in whole or in part, or
not, in any combination. `Recording` watches a folder while a program writes into it; `disks` then
builds what may be there when the power goes before any of its calls.

It looks at the folder before each call of Python that changes a disk, so that it sees what
TensorFlow's C++ wrote meanwhile, too. What came and went between two looks, it does not see.
"""

from __future__ import annotations

import contextlib
import os
import random
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

CALLS = ("fsync", "replace", "rename", "unlink", "remove", "rmdir", "mkdir", "open", "ftruncate")
Tree = Mapping[str, bytes | None]  # the content of each file by its path, None for a folder
Choose = Callable[[Hashable, Sequence[Any]], Any]  # takes what is to be chosen, and the options


class Moment(NamedTuple):
    """What a disk may hold at one moment. The first option is the one that was synced."""

    call: str  # the call that comes next
    promised: int  # how many promises had been made
    root: int  # files and folders are numbers here: their inodes
    names: Mapping[int, Mapping[str, Sequence[int | None]]]  # of each folder; None: not there
    contents: Mapping[int, Sequence[bytes]]  # of each file


class Recording:
    """Records what happens in a folder while it is a context.

    Args:
        root: the folder; what it holds at the beginning is on disk.
        forgets: takes a path below `root`, "." for itself; where it says True, `fsync` does nothing
            for it, as if a program had left it out.
    """

    def __init__(self, root: Path, forgets: Callable[[str], bool] = lambda path: False) -> None:
        self.moments: list[Moment] = []
        self._root, self._forgets, self._promised = root, forgets, 0
        self._names: dict[int, dict[str, list[int | None]]] = {}
        self._contents: dict[int, list[bytes]] = {}
        self._paths: dict[int, str] = {}
        self._held: dict[int, int] = {}  # open files: a number is not given anew while one is
        self._real: dict[str, Any] = {}

    def __enter__(self) -> Recording:
        """Begins to watch."""
        self._look()
        for inode in [*self._names, *self._contents]:
            self._sync(inode)
        for name in CALLS:
            self._real[name] = getattr(os, name)
            setattr(os, name, self._watched(name))
        self._note("the beginning")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends."""
        for name, call in self._real.items():
            setattr(os, name, call)
        self._note("the end")
        for descriptor in self._held.values():
            os.close(descriptor)

    def promise(self) -> None:
        """Says that what was written until now is to be on disk from here on."""
        self._promised += 1
        self._note("a promise")

    def _watched(self, name: str) -> Callable[..., Any]:
        real = self._real[name]

        def call(*arguments: Any, **options: Any) -> Any:
            self._note(name)
            result = real(*arguments, **options)
            if name == "fsync":
                self._synced(arguments[0])
            return result

        return call

    def _synced(self, descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        if inode in self._paths and not self._forgets(self._paths[inode]):
            self._sync(inode)

    def _sync(self, inode: int) -> None:
        """Only what is there now is left to be chosen."""
        if inode in self._contents:
            self._contents[inode] = self._contents[inode][-1:]
        for name, options in list(self._names.get(inode, {}).items()):
            if options[-1] is None:
                del self._names[inode][name]
            else:
                self._names[inode][name] = options[-1:]

    def _note(self, call: str) -> None:
        self._look()
        names = {
            folder: {name: tuple(options) for name, options in entries.items()}
            for folder, entries in self._names.items()
        }
        contents = {inode: tuple(options) for inode, options in self._contents.items()}
        root = os.stat(self._root).st_ino
        moment = Moment(call, self._promised, root, names, contents)
        if not self.moments or self.moments[-1][1:] != moment[1:]:
            self.moments.append(moment)

    def _look(self) -> None:
        """Adds what the folder holds now to the options."""
        folders = [self._root]
        for folder in folders:  # grows on the way
            inode = self._hold(folder)
            known = self._names.setdefault(inode, {})
            found: dict[str, int] = {}
            for entry in os.scandir(folder):
                path = folder / entry.name
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    folders.append(path)
                if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                    found[entry.name] = self._hold(path)
                if stat.S_ISREG(mode):
                    self._add(self._contents.setdefault(found[entry.name], [b""]), path)
            for name in {*known, *found}:
                options = known.setdefault(name, [None])
                if options[-1] != found.get(name):
                    options.append(found.get(name))

    @staticmethod
    def _add(options: list[bytes], path: Path) -> None:
        with open(path, "rb") as file:
            content = file.read()
        if content != options[-1]:
            options.append(content)

    def _hold(self, path: Path) -> int:
        inode = os.stat(path).st_ino
        self._paths[inode] = os.path.relpath(path, self._root)
        if inode not in self._held:
            self._held[inode] = self._real.get("open", os.open)(path, os.O_RDONLY)
        return inode


def disks(moment: Moment, chosen: random.Random, more: int, each: bool = False) -> Iterator[Tree]:
    """Yields what a disk may hold at one moment, each once.

    Args:
        moment: of a recording.
        chosen: chooses.
        more: how many are chosen at random, beside the one that has nothing since the last sync and
            the one that has all.
        each: whether each thing is also left out alone, and there alone.
    """
    seen = set()
    for choose in _choices(moment, chosen, more, each):
        tree = _built(moment, choose)
        key = frozenset(tree.items())
        if key not in seen:
            seen.add(key)
            yield tree


def _choices(moment: Moment, chosen: random.Random, more: int, each: bool) -> Iterator[Choose]:
    yield lambda what, options: options[0]
    yield lambda what, options: options[-1]
    for uncertain in _uncertain(moment) if each else ():
        yield lambda what, options, one=uncertain: options[0 if what == one else -1]  # type: ignore[misc]
        yield lambda what, options, one=uncertain: options[-1 if what == one else 0]  # type: ignore[misc]
    for _ in range(more if _uncertain(moment) else 0):
        yield lambda what, options: chosen.choice([*options, *_torn(options)])


def _uncertain(moment: Moment) -> list[Hashable]:
    names = [
        (folder, name)
        for folder, entries in moment.names.items()
        for name, options in entries.items()
        if len(options) > 1
    ]
    return [*names, *(inode for inode, options in moment.contents.items() if len(options) > 1)]


def _torn(options: Sequence[Any]) -> list[bytes]:
    """Returns what a file may hold that was written in part: the half of it, or zeros."""
    last = options[-1]
    is_uncertain = len(options) > 1 and isinstance(last, bytes)
    return [last[: len(last) // 2], bytes(len(last))] if is_uncertain else []


def _built(moment: Moment, choose: Choose) -> dict[str, bytes | None]:
    tree: dict[str, bytes | None] = {}
    chosen: dict[int, bytes] = {}  # a file of two names has one content

    def fill(folder: int, prefix: str) -> None:
        for name, options in sorted(moment.names[folder].items()):
            inode = choose((folder, name), options)
            if inode in moment.names:
                tree[prefix + name] = None
                fill(inode, f"{prefix}{name}/")
            elif inode is not None:
                if inode not in chosen:
                    chosen[inode] = choose(inode, moment.contents[inode])
                tree[prefix + name] = chosen[inode]

    fill(moment.root, "")
    return tree


@contextlib.contextmanager
def put(tree: Tree, root: Path) -> Iterator[None]:
    """Lays a disk out in `root`, which must be empty, and empties it at the end."""
    for path, content in tree.items():
        if content is None:
            (root / path).mkdir()
        else:
            (root / path).write_bytes(content)
    try:
        yield
    finally:
        for folder, folders, files in os.walk(root, topdown=False):
            for name in files:
                os.unlink(os.path.join(folder, name))
            for name in folders:
                os.rmdir(os.path.join(folder, name))


def live(moment: Moment) -> Tree:
    """Returns what a program sees at a moment."""
    return _built(moment, lambda what, options: options[-1])


def broken_promises(recording: Recording, name: str, more: int = 20) -> tuple[int, int]:
    """Counts the disks on which a file or folder is not what it is to be: the old or the new one.

    Once a promise was made, it is to be the new one.

    Args:
        recording: of a program that writes `name` once, and promises it.
        name: the file or folder, in the recorded folder.
        more: how many disks are chosen at random at each moment.

    Returns:
        How many disks there are, and on how many the name is something else.
    """
    chosen = random.Random(0)
    old, new = (_below(name, live(recording.moments[place])) for place in (0, -1))
    found = [
        _below(name, tree) in ([new] if moment.promised else [old, new])
        for moment in recording.moments
        for tree in disks(moment, chosen, more, each=True)
    ]
    return len(found), found.count(False)


def _below(name: str, tree: Tree) -> Tree:
    return {path: tree[path] for path in tree if path == name or path.startswith(f"{name}/")}
