"""Runs a program on what a plan writes, and compares what it computes with what TF1 computed."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping

import numpy as np

from shared.errors import CheckpointError, UsageError
from shared.tools.checkpoint_conversion.shown import shown
from shared.tools.checkpoint_conversion.targets import Target
from shared.tools.child_process import run_group, tf115_environment

# Relative to the largest value. One rounding of float32 is 6e-8, and sums of some hundred terms in
# another order differ by some of them; gates or rows in another order differ by 1e-2 and more.
TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One array that both programs computed.

    Attributes:
        name: in the .npz.
        distance: the largest |new - expected|, relative to the largest |expected|.
    """

    name: str
    distance: float

    def holds(self) -> bool:
        """Whether only the order of additions can be the reason of the distance."""
        return self.distance <= TOLERANCE


def verify(target: Target, command: str, expected: str) -> list[Comparison]:
    """Writes a copy of the target, lets a program predict from it, and compares.

    Args:
        target: what is to be written; nothing of it is touched.
        command: the program; it gets two more arguments, the checkpoint and the .npz to write.
        expected: an .npz with the arrays that the other program computed from the source.

    Raises:
        CheckpointError: the program fails, or does not write the arrays.
        UsageError: `command` is no command, or `expected` is no .npz.
    """
    before = _arrays(expected, f"--expected {shown(expected)}")
    with tempfile.TemporaryDirectory() as folder:
        copy = dataclasses.replace(
            target, path=os.path.join(folder, os.path.basename(target.path)), force=True
        )
        copy.write()
        output = os.path.join(folder, "outputs.npz")
        _run(command, copy.path, output)
        after = _arrays(output, f"--verify {shown(command)}: the second file it is given")
    missing = sorted(set(before) - set(after))
    if missing:
        raise CheckpointError(
            f"--verify {shown(command)}: expected {', '.join(map(shown, sorted(before)))} in the "
            f".npz that it writes; found no {shown(missing[0])}"
        )
    return [Comparison(name, _distance(after[name], before[name], name)) for name in before]


def _run(command: str, checkpoint: str, output: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--verify: expected a command; found {shown(command)!r}") from error
    if not words:
        raise UsageError("--verify: expected a command; found none")
    try:
        done = run_group(
            [*words, checkpoint, output],
            env=tf115_environment(),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise UsageError(
            f"--verify: expected a command that runs; found {shown(words[0])}: {error.strerror}"
        ) from error
    for line in done.stdout.splitlines():
        print(shown(line), file=sys.stderr)
    if done.returncode:
        raise CheckpointError(
            f"--verify {shown(command)}: expected exit code 0; found {done.returncode}: nothing "
            "was written"
        )


def _arrays(path: str, place: str) -> Mapping[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise UsageError(f"{place}: expected an .npz of arrays; found {error}") from error
    wrong = [name for name, array in found.items() if array.dtype.kind not in "fiub"]
    if wrong or not found:
        what = f"{shown(wrong[0])}, {found[wrong[0]].dtype}" if wrong else "none"
        raise UsageError(f"{place}: expected arrays of numbers; found {what}")
    return found


def _distance(after: np.ndarray, before: np.ndarray, name: str) -> float:
    if after.shape != before.shape:
        raise CheckpointError(
            f"--verify: {shown(name)}: expected shape {list(before.shape)}, as --expected has it; "
            f"found {list(after.shape)}"
        )
    one, other = after.astype(np.float64), before.astype(np.float64)
    if not (np.isfinite(one) == np.isfinite(other)).all():
        return float("inf")
    finite = np.isfinite(other)
    largest = float(np.abs(one[finite] - other[finite]).max(initial=0.0))
    scale = float(np.abs(other[finite]).max(initial=0.0))
    return 0.0 if largest == 0 else largest / scale if scale else float("inf")
