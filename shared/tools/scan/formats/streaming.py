"""Writes long JSON piece by piece, since a large project has more findings than fit in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

_HERE = "\0here\0"


def here() -> str:
    """Returns what stands in a document where `pieces` puts the list."""
    return _HERE


def pieces(document: Any, items: Iterable[Any]) -> Iterator[str]:
    """Yields a document as JSON, with a list in the place of `here()`, an item on each line."""
    before, _, after = json.dumps(document, indent=1).partition(json.dumps(_HERE))
    yield before + "["
    separator = "\n"
    for item in items:
        yield separator + json.dumps(item)
        separator = ",\n"
    yield "\n]" + after + "\n"
