"""Reads a source file into one Python text and the place of each of its lines."""

from __future__ import annotations

import io
import re
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path

# Text above these sizes is data; the tree that `ast` makes of it would take a gigabyte.
LARGEST_PYTHON = 2 * 2**20  # bytes
LARGEST_NOTEBOOK = 32 * 2**20  # bytes, most of them pictures

_MAGIC = re.compile(r"^(\s*)[%!?]")
_HELP = re.compile(r"^\s*[\w.]+\?{1,2}\s*$")
# Cells that are not Python.
_OTHER_LANGUAGE = re.compile(r"^\s*%%(bash|sh|html|javascript|js|latex|writefile|script|svg|R)\b")


class Unreadable(Exception):
    """A file holds no Python; the message says why in a few words."""


@dataclass(frozen=True)
class Source:
    """The Python text of a file.

    Attributes:
        text: of a notebook, its code cells one after another.
        cells: of a notebook, for each line of `text` its cell, from 1 over all cells, and its line
            in that cell, from 1; None for a Python file.
    """

    text: str
    cells: list[tuple[int, int]] | None = None


def read(path: Path) -> Source:
    """Returns the Python text of a file.

    Raises:
        Unreadable: it is too large, no text, or no notebook.
    """
    is_notebook = path.suffix == ".ipynb"
    largest = LARGEST_NOTEBOOK if is_notebook else LARGEST_PYTHON
    try:
        with path.open("rb") as stream:
            data = stream.read(largest + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    if len(data) > largest:
        raise Unreadable(f"larger than {largest // 2**20} MiB")
    return notebook(data) if is_notebook else Source(decode(data))


def decode(data: bytes) -> str:
    """Returns the text of a Python file in the encoding that it declares, else UTF-8, else Latin-1.

    Raises:
        Unreadable: there are zero bytes, which no Python file holds.
    """
    if b"\0" in data:
        raise Unreadable("no text: it holds zero bytes")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError):
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def notebook(data: bytes) -> Source:
    """Returns the code cells of a notebook as one text, without their magics.

    Raises:
        Unreadable: it is no notebook.
    """
    import nbformat

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        cells = [(cell.cell_type, str(cell.source)) for cell in found.cells]
    except RecursionError as error:
        raise Unreadable("nested too deeply") from error
    except Exception as error:  # nbformat raises whatever the damage leads to
        raise Unreadable(f"no notebook: {type(error).__name__}") from error
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, (kind, text) in enumerate(cells, 1):
        if kind == "code" and not _OTHER_LANGUAGE.match(text):
            for line_number, line in enumerate(text.split("\n"), 1):
                lines.append(_without_magic(line))
                places.append((number, line_number))
    return Source("\n".join(lines) + "\n", places)


def _without_magic(line: str) -> str:
    magic = _MAGIC.match(line)
    if magic or _HELP.match(line):
        return (magic[1] if magic else "") + "pass"
    return line
