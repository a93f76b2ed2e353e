"""A copy of the set-up files in which `make` builds environments without installing anything.

The interpreters on its PATH are fakes: shell scripts that ask the real Python but let it claim
another version, and that write down what they are told to install instead of doing it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

SET_UP_FILES = ("Makefile", ".make", "pyproject.toml", "constraints.txt")
TOOLS = ("sh", "rm", "mkdir", "ln", "cat", "touch", "awk", "find")

FAKE = """#!/bin/sh
case "$1" in
-c) exec '{real}' -S -c "import sys
sys.version_info, sys.version, sys._base_executable = (3, {minor}), '3.{minor}', '{path}'
sys.modules.update({modules})
$2" ;;
-m) echo "$2 $3" >> '{log}'
    if [ "$2" = pip ] && [ -e "{path}.pip-prints" ]; then cat "{path}.pip-prints"; fi
    if [ "$2" = venv ]; then mkdir -p "$3/bin"; ln -s '{path}' "$3/bin/python"; fi
    [ ! -e "{path}.no-$2" ] ;;
esac
"""


@dataclass
class Project:
    """A copy of the set-up files and a folder `bin`, which is all of PATH."""

    folder: Path
    bin: Path

    def add_python(self, name: str, minor: int, has_venv: bool = True) -> Path:
        """Puts a Python 3.`minor` on PATH; `NAME.no-pip` beside it makes its pip fail."""
        path = self.bin / name
        modules = "{'pip': sys}" if has_venv else "{'pip': sys, 'ensurepip': None}"
        log = self.bin / "log"
        text = FAKE.format(real=sys.executable, minor=minor, path=path, modules=modules, log=log)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A clean environment: `make test` itself would hand its MAKEFLAGS down.
        return self._run(["make", *arguments], {})

    def find_python(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return self._run(["sh", ".make/find_python.sh", "suite"], variables)

    def _run(
        self, command: list[str], variables: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        program = shutil.which(command[0])
        assert program, f"{command[0]} is needed on PATH"
        environment = {"PATH": str(self.bin), "HOME": str(self.folder), **variables}
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=environment,
            text=True,
            capture_output=True,
            timeout=60,
        )

    def change(self, name: str) -> None:
        """Makes the file newer than the last installation, whatever the clock's resolution is."""
        installed = (self.folder / ".venv" / ".installed").stat().st_mtime
        os.utime(self.folder / name, (installed + 1, installed + 1))

    def done(self) -> list[str]:
        """What the fakes were told to do since the last call: "venv .venv", "pip install" …"""
        log = self.bin / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


def copy_set_up_files(root: Path, destination: Path) -> Project:
    """Copies what `make` reads from `root` into a folder whose name has a space, as some have."""
    project = Project(destination / "a project", destination / "bin")
    project.folder.mkdir()
    project.bin.mkdir()
    for name in SET_UP_FILES:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy2
        copy(root / name, project.folder / name)
    for tool in TOOLS:
        (project.bin / tool).symlink_to(str(shutil.which(tool)))
    return project
