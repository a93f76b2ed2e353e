"""Lets the suite's own tools start the programs that they record or compare with as forks.

`pairs check` starts a program up to ten times, and each process imports TensorFlow first: that took
most of the time of its tests. What such a process is started with and how it fails is tested
without this, by processes of their own.
"""

from __future__ import annotations

import contextlib
import subprocess
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from unittest import mock

import forked_python
from measuring import own_model
from shared.tools import child_process
from shared.tools.check import runs


@contextlib.contextmanager
def children_in_forks() -> Iterator[None]:
    """What the tools and the guide run with `subprocess.run` runs in forks (see forked_python)."""
    forking = types.SimpleNamespace(**{**vars(subprocess), "run": _run})
    with contextlib.ExitStack() as stack:
        for module in (child_process, own_model, runs):
            stack.enter_context(mock.patch.object(module, "subprocess", forking))
        yield


def _run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    capture_output: bool,
    text: bool,
) -> subprocess.CompletedProcess[str]:
    assert capture_output and text
    return forked_python.run(command, cwd, env)
