"""TensorFlow's file `checkpoint`, which lists the checkpoints of a folder and names the newest.

TensorFlow takes it at its word: where it cannot be read, or names what is not there, there is "no
checkpoint" and training starts over; where it holds the full paths of a folder that was copied,
the files of the first folder are restored, and deleted. Here only names count, and only as a hint.
"""

from __future__ import annotations

import ast
import ntpath
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.checkpoints.files import INDEX, STATE, read_small_bytes, write_durably

_LINE = re.compile(r"\s*(\w+)\s*:\s*(.*?)\s*")
_TEXT = r'(?:"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\')'
_TEXTS = re.compile(rf"{_TEXT}(?:\s*{_TEXT})*")  # adjacent ones are one
_NEWEST, _ALL = "model_checkpoint_path", "all_model_checkpoint_paths"


class State(NamedTuple):
    """What the file says."""

    newest: str | None  # None where it cannot be told
    names: Sequence[str]  # of all checkpoints, the oldest first
    problem: str | None  # None for a file as TensorFlow writes it


def read_state(directory: str) -> State:
    """Reads the file; never raises for what it holds."""
    path = os.path.join(directory, STATE)
    if not os.path.lexists(path):
        return State(None, [], "it is missing")
    try:
        lines = read_small_bytes(path).split(b"\n")
        values = [_parsed(line.strip(), directory) for line in lines if line.strip()]
    except (OSError, ValueError, SyntaxError, MemoryError):  # ast raises the last for deep nesting
        return State(None, [], "it is damaged")
    names = [value for key, value in values if key == _ALL]
    newest = [value for key, value in values if key == _NEWEST]
    if len(newest) != 1 or names[-1:] != newest:  # TensorFlow always lists the newest last
        return State(None, names, "it is damaged or was edited: it does not end with the newest")
    return State(newest[0], names, None)


def _parsed(line: bytes, directory: str) -> tuple[str, str]:
    """Returns the name and the value of a line in the text format of protocol buffers.

    TensorFlow writes letters beyond ASCII as they are or as escapes of their bytes, by its release.
    """
    # One character a byte, so that what is no UTF-8 stays what it is.
    found = _LINE.fullmatch(line.decode("latin-1"))
    if not found:
        raise ValueError(line)
    key, value = found.groups()
    if key not in (_NEWEST, _ALL):
        return key, value
    if not _TEXTS.fullmatch(value):
        raise ValueError(line)
    ascii_only = "".join(char if char < "\x80" else f"\\x{ord(char):02x}" for char in value)
    texts = re.findall(_TEXT, ascii_only)
    path = b"".join(ast.literal_eval("b" + text) for text in texts)
    return key, _name(os.fsdecode(path), directory)


def _name(path: str, directory: str) -> str:
    """Returns the last part of a path, which a program on Windows may have written."""
    name = os.path.basename(path)
    exists = "\0" not in name and os.path.exists(os.path.join(directory, name + INDEX))
    return name if exists else ntpath.basename(name)


def write_state(directory: str, names: Sequence[str]) -> None:
    """Writes the file anew, so that TensorFlow manages exactly these checkpoints of the folder."""
    times = [os.path.getmtime(os.path.join(directory, name + INDEX)) for name in names]
    lines = [f"{_NEWEST}: {_quoted(names[-1])}", *(f"{_ALL}: {_quoted(name)}" for name in names)]
    lines += [f"all_model_checkpoint_timestamps: {time!r}" for time in times]
    # A CheckpointManager never deletes what is not newer than the last preserved one.
    lines.append(f"last_preserved_timestamp: {min(times) - 1!r}")
    write_durably(os.path.join(directory, STATE), "\n".join(lines) + "\n")


def _quoted(name: str) -> str:
    safe = (
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}"
        for byte in os.fsencode(name)
    )
    return '"' + "".join(safe) + '"'
