"""TensorFlow's file `checkpoint`, which lists the checkpoints of a folder and names the newest.

TensorFlow takes it at its word: where it cannot be read, or names what is not there, there is "no
checkpoint" and training starts over; where it holds the full paths of a folder that was copied,
the files of the first folder are restored, and deleted. Here only names count, and only as a hint.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from shared.checkpoints.files import INDEX, STATE, read_small, write_durably

_LINE = re.compile(r'(\w+): ("(?:[^"\\]|\\.)*"|[-+.\w]+)')
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
        lines = [_parsed(line) for line in read_small(path).splitlines() if line.strip()]
    except (OSError, ValueError, SyntaxError):
        return State(None, [], "it is damaged")
    names = [value for key, value in lines if key == _ALL]
    newest = [value for key, value in lines if key == _NEWEST]
    if len(newest) != 1 or names[-1:] != newest:  # TensorFlow always lists the newest last
        return State(None, names, "it is damaged or was edited: it does not end with the newest")
    return State(newest[0], names, None)


def _parsed(line: str) -> tuple[str, str]:
    found = _LINE.fullmatch(line)
    if not found:
        raise ValueError(line)
    key, value = found.groups()
    if value.startswith('"'):  # text format of protocol buffers: as a literal of bytes
        value = os.path.basename(ast.literal_eval("b" + value).decode())
    elif key in (_NEWEST, _ALL):
        raise ValueError(line)
    return key, value


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
        for byte in name.encode()
    )
    return '"' + "".join(safe) + '"'
