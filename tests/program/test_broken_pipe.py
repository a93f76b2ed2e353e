"""A reader that closes the pipe, as `head` does, ends a command without a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUARDED = """
from shared.program.broken_pipe import run_until_closed
raise SystemExit(run_until_closed(lambda: print("read by nobody") or 0))
"""


def unread(*arguments: str) -> tuple[int, bytes]:
    """The exit code and the errors of a Python program whose output nobody reads."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(), errors


def test_a_closed_pipe_ends_a_command_quietly() -> None:
    assert unread("-c", GUARDED) == (141, b"")


@pytest.mark.parametrize("command", ["--help", "pitfalls", "lookup"])
def test_pairs_is_guarded(command: str) -> None:
    # The code is 141, or what argparse or rich end with when they notice it first.
    assert unread("-m", "shared.tools.commands", command)[1] == b""


def test_without_the_guard_there_is_a_traceback() -> None:
    code, errors = unread("-c", 'print("read by nobody")')
    assert code != 0 and b"BrokenPipeError" in errors
