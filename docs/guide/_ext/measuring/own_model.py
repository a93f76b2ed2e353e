"""Follows the page "Your own model" from start to end, as its reader would; prints JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment

FOLDER = ROOT / "docs" / "guide" / "own_model"
# The commands of the page by what the page calls them. The old environment runs `old.py`.
COMMANDS = {
    "write": "pairs record --write record_tf1.py",
    "record": "python record_tf1.py --steps 10 --every 1 --keep-batches old.npz old.py",
    "first-port": "python first_port.py",
    "check-start": "pairs check --old old.npz --new 'python first_port.py'",
    "check-first": "pairs check --old old.npz --new 'python first_port.py' --start-from old",
    "check": "pairs check --old old.npz --new 'python new.py' --start-from old",
    "old-saved": "python old.py --save ./old-model",
    "new-saved": "python new.py --steps 0 1 --save ./new-model",
    "map": "pairs checkpoint map old-model new-model-1",
    "convert": "pairs checkpoint convert old-model moved-model --to tf2 --map map.toml "
    "--learning-rate 0.002",
    "record-on": "python record_tf1.py --steps 10 --every 1 --keep-batches old-on.npz old.py "
    "--restore ./old-model --steps 300 310",
    "check-on": "pairs check --old old-on.npz "
    "--new 'python new.py --restore ./moved-model --steps 300 310'",
}


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that was run.

    Attributes:
        command: as the reader types it.
        output: what it printed, without the name of the folder.
        code: its exit code.
    """

    command: str
    output: str
    code: int


def follow(
    folder: Path, old_python: str, names: Iterable[str] | None = None
) -> Iterator[tuple[str, Done]]:
    """Runs the commands of the page one after the other; yields the name of each and its result.

    Args:
        folder: an empty one, which the programs are put into.
        old_python: runs the old program.
        names: the commands to run, of `COMMANDS`; all of them where it is None.
    """
    for path in FOLDER.glob("*.py"):
        shutil.copy(path, folder)
    for name in COMMANDS if names is None else names:
        command = COMMANDS[name]
        done = _run(command, folder, old_python)
        if name == "map":
            (folder / "map.toml").write_text(settled(done.output))
        yield name, done


def settled(proposal: str) -> str:
    """The map once its reader has looked at the proposals and found them right."""
    return re.sub(r"^\[unsure\].*\n", "", proposal, flags=re.MULTILINE)


def _run(command: str, folder: Path, old_python: str) -> Done:
    program, *arguments = shlex.split(command)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "PATH": path}
    start = [sys.executable, "-m", "shared.tools.commands"]
    if program == "python":
        is_old = "old.py" in arguments
        environment = {**tf115_environment(), "PYTHONWARNINGS": "ignore"}
        environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
        start = [old_python if is_old else sys.executable]
    process = subprocess.run(
        [*start, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    shown = process.stdout if process.stdout else process.stderr
    return Done(command, shown.replace(f"{folder}/", ""), process.returncode)


def main() -> None:
    """Writes whether real TensorFlow 1.15 ran the old program, and what was done."""
    has_tf115 = TF115_PYTHON.exists()
    with tempfile.TemporaryDirectory(prefix="own-") as folder:
        python = str(TF115_PYTHON) if has_tf115 else sys.executable
        steps = follow(Path(folder).resolve(), python)
        done = {name: dataclasses.asdict(step) for name, step in steps}
    print(json.dumps({"tf115": has_tf115, "done": done}))


if __name__ == "__main__":
    main()
