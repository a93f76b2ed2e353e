"""Which file of the scanned tree an import means."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class ModuleIndex:
    """The Python files of a tree by their dotted names, such as "models.cnn"."""

    def __init__(self, paths: Iterable[str]) -> None:
        python = [path for path in paths if path.endswith(".py")]
        self.modules = {dotted(path) for path in python}
        self.packages = {dotted(path) for path in python if path.endswith("/__init__.py")}
        self._by_last: dict[str, list[str]] = defaultdict(list)
        for module in sorted(self.modules):
            self._by_last[module.rpartition(".")[2]].append(module)

    def find(self, name: str, importer: str, level: int = 0) -> str | None:
        """Returns the module that `import name` means in the module `importer`.

        It is looked for beside the importer and in each folder above it, as a script's folder or
        the tree's own is on Python's path; else it is the only one of that name anywhere, since
        programs append to `sys.path`. None when the tree has no such module.

        Args:
            name: dotted, without leading dots; may be empty where `level` is not 0.
            importer: dotted name of the importing module.
            level: the number of leading dots.
        """
        # What a package's __init__ imports stands beside it in the package's own folder.
        inside = ["__init__"] if importer in self.packages else []
        folder = [*importer.split("."), *inside][: -max(level, 1)]
        while True:
            candidate = ".".join([*folder, name] if name else folder)
            if candidate in self.modules:
                return candidate
            if level or not folder:
                break
            folder = folder[:-1]
        if level:
            return None
        ends = [m for m in self._by_last[name.rpartition(".")[2]] if m.endswith("." + name)]
        return ends[0] if len(ends) == 1 else None


def dotted(path: str) -> str:
    """Returns the dotted name of a file: "models.cnn" of "models/cnn.py", "a" of "a/__init__.py".

    The path of a notebook stays as it is, since nothing imports it.
    """
    if not path.endswith(".py"):
        return path
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
