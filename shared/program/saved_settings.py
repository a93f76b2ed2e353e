"""The settings that a folder's newest checkpoint was trained with, to warn who resumes with others.

They are kept beside the checkpoints in `.training-settings.json`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from typing import Any, Mapping

from shared.checkpoints.files import write_anew
from shared.program.settings import Settings

FILE = ".training-settings.json"
# What may change between two runs without changing a number of the training.
_FREE = {field.name for field in dataclasses.fields(Settings)} - {"seed"} | {"steps"}


def keep_settings(config: Any) -> None:
    """Writes the settings that determine the numbers of a training, as far as it can."""
    path, settings = _path(config), _of(config)
    if _read(path) == settings:
        return
    # A warning depends on the file, no number does: a full disk must not end the training here, and
    # a crash may leave a part of it, but no file of another name.
    with contextlib.suppress(OSError):
        write_anew(path, json.dumps(settings, indent=2) + "\n")


def changed_settings(config: Any) -> str | None:
    """Returns what differs from the settings that were kept; None if nothing does or none were."""
    now, before = _of(config), _read(_path(config))
    changed = [
        f"--{name.replace('_', '-')} {now[name]} ({before[name]} until now)"
        for name in now
        if name in before and before[name] != now[name]
    ]
    if not changed:
        return None
    return f"resumed with {', '.join(changed)}: other numbers from here on"


def _of(config: Any) -> Mapping[str, Any]:
    values = dataclasses.asdict(config)
    return {name: value for name, value in values.items() if name not in _FREE}


def _read(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError):  # a damaged file only costs the warning
        return {}
    return content if isinstance(content, dict) else {}


def _path(config: Any) -> str:
    return os.path.join(config.checkpoint_dir, FILE)
