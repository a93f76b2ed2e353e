"""Follows the page "Your own model" from start to end, as its reader would; prints JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shared.tools.child_process import ROOT, TF115_PYTHON, tf115_environment

FOLDER = ROOT / "docs" / "guide" / "own_model"
_ALLOWED = "--rtol 1e-4 --atol 1e-4"
# The commands of the page by what the page calls them. `old` is run by the old environment.
COMMANDS = {
    "record": "python old.py --trace old.npz --save ./old-model",
    "first-port": "python first_port.py --trace first.npz",
    "compare-first": "pairs compare old.npz first.npz",
    "port": "python new.py --trace new.npz --save ./new-model",
    "compare": f"pairs compare old.npz new.npz {_ALLOWED}",
    "map": "pairs checkpoint map old-model new-model-1",
    "convert": "pairs checkpoint convert old-model moved-model --to tf2 --map map.toml "
    "--learning-rate 0.002",
    "old-goes-on": "python old.py --trace old-on.npz --restore ./old-model --steps 300 400",
    "new-goes-on": "python new.py --trace new-on.npz --restore ./moved-model --steps 300 400",
    "compare-on": f"pairs compare old-on.npz new-on.npz {_ALLOWED}",
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


def follow(folder: Path, old_python: str) -> Iterator[tuple[str, Done]]:
    """Runs the commands of the page one after the other; yields the name of each and its result.

    Args:
        folder: an empty one, which the programs and a copy of the recorder are put into.
        old_python: runs the old program.
    """
    for path in [*FOLDER.glob("*.py"), ROOT / "shared" / "trace_recorder.py"]:
        shutil.copy(path, folder)
    for name, command in COMMANDS.items():
        done = _run(command, folder, old_python)
        if name == "map":
            (folder / "map.toml").write_text(settled(done.output))
        yield name, done


def settled(proposal: str) -> str:
    """The map once its reader has looked at the proposals and found them right."""
    return re.sub(r"^\[unsure\].*\n", "", proposal, flags=re.MULTILINE)


def _run(command: str, folder: Path, old_python: str) -> Done:
    program, *arguments = command.split()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    start = [sys.executable, "-m", "shared.tools.commands"]
    if program == "python":
        is_old = arguments[0] == "old.py"
        environment = {**tf115_environment(), "PYTHONWARNINGS": "ignore"} if is_old else environment
        environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
        environment["PYTHONPATH"] = str(ROOT)
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
