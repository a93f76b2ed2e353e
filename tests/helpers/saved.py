"""Saving and restoring a model of either style as its program does."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from shared.program.progress import print_warning


def program_of(model: Any) -> Any:
    """Returns the program of the file that a model's class stands in."""
    return importlib.import_module(type(model).__module__).PROGRAM


def save(model: Any, folder: Any) -> str:
    """Writes a checkpoint into `folder`; returns its path."""
    path: str = program_of(model).save(model, str(folder))
    return path


def restore(model: Any, folder: Any, warn: Callable[[str], None] = print_warning) -> str | None:
    """Loads the newest intact checkpoint of `folder`; returns its path, None without any."""
    path: str | None = program_of(model).restore(model, str(folder), warn)
    return path
