"""Counts in how much public TensorFlow 1 code each symbol occurs.

    python -m shared.tools.lookup.count_uses FOLDER > shared/tools/lookup/uses.json

FOLDER holds the wheels of published packages, as `pip download --no-deps` writes them. The index
rests on these counts where it says which symbols are most used; `uses.json` names the packages.
"""

from __future__ import annotations

import collections
import json
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.tools.lookup.names import symbols_used

_MINIMUM = 2  # packages; what only one uses says nothing about the others


def count(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the packages, their files that use TensorFlow, and the counts of each symbol.

    A symbol's counts are the number of packages and the number of files that use it; files that
    are not Python 3 are left out and counted as such.
    """
    packages: dict[str, dict[str, int]] = {}
    files_by_symbol: dict[str, set[str]] = collections.defaultdict(set)
    for wheel in sorted(folder.glob("*.whl")):
        name = "==".join(wheel.name.split("-")[:2])
        used, unreadable = 0, 0
        for path, source in _sources(wheel):
            try:
                symbols = {symbol for _, symbol in symbols_used(source)}
            except SyntaxError:
                unreadable += 1
                continue
            used += bool(symbols)
            for symbol in symbols:
                files_by_symbol[symbol].add(f"{name}/{path}")
        packages[name] = {"files": used, "not_python_3": unreadable}
    counts = {
        symbol: [len({file.partition("/")[0] for file in files}), len(files)]
        for symbol, files in files_by_symbol.items()
    }
    ordered = sorted(counts.items(), key=lambda item: ([-n for n in item[1]], item[0]))
    return {
        "packages": packages,
        "uses": {symbol: pair for symbol, pair in ordered if pair[0] >= _MINIMUM},
    }


def _sources(wheel: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        for path in archive.namelist():
            if path.endswith(".py"):
                yield path, archive.read(path).decode("utf-8", errors="replace")


if __name__ == "__main__":
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    tables = (
        "{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in table.items()) + "\n}"
        for table in count(Path(sys.argv[1])).values()
    )
    print('{{"packages": {},\n"uses": {}}}'.format(*tables))
