"""The folder of a `pairs run`: where it is, what was asked for, and what each training came to.

`run.json` holds what was asked for, and `trained/` a file for each training that has ended or was
stopped, so that `pairs run --resume` goes on without doing anything twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from shared.atomic_files import write_text, write_whole
from shared.checkpoints import check_folder
from shared.errors import UsageError
from shared.program.progress import TrainingResult

_SETTINGS = "run.json"
_TRAINED = "trained"
_VARIABLE = "variable/"
_FORM = {
    "type": "object",
    "required": ["models", "data", "steps", "batch_size"],
    "additionalProperties": False,
    "properties": {
        "models": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "data": {"type": "string"},
        "steps": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**53},
        "batch_size": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**53},
    },
}

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 2**53}
_TOLD = {
    "type": "object",
    "required": ["steps", "seconds", "reported", "metrics"],
    "properties": {
        "steps": _COUNT,
        "seconds": {"type": "number"},
        "reported": {
            "type": "object",
            "required": ["step"],
            "properties": {"step": {"type": "array", "items": {**_COUNT, "type": "number"}}},
            "additionalProperties": _NUMBERS,
        },
        "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
    },
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a run was asked for."""

    models: list[str]
    data: str
    steps: int | None  # None for those of each model
    batch_size: int | None


def new_folder(given: Path | None, settings: Settings) -> Path:
    """Makes the folder of a run; without a name, one that no other run has.

    Raises:
        UsageError: it is in use or cannot be made.
        CheckpointError: nothing that is saved there could be restored.
    """
    out = given or Path("runs") / datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    check_folder(str(out), "--out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and given:
        raise UsageError(f"--out {out}: expected a new or empty folder, found one in use")
    try:
        made = _made(out, is_own=given is None)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be made: {error.strerror}") from error
    try:
        write_text(made / _SETTINGS, json.dumps(dataclasses.asdict(settings)) + "\n", "--out")
    except UsageError:
        remove_if_nothing_was_trained(made)
        raise
    return made


def _made(out: Path, is_own: bool) -> Path:
    if not is_own:
        (out / "plots").mkdir(parents=True)
        return out
    out.parent.mkdir(exist_ok=True)
    folder, number = out, 1
    while True:  # another run may have begun in the same second
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            folder = out.with_name(f"{out.name}-{number}")
            continue
        (folder / "plots").mkdir()
        return folder


def remove_if_nothing_was_trained(out: Path) -> None:
    """Removes what `new_folder` made, so that the same command can be given again."""
    if any(path.is_file() for path in out.rglob("*") if path != out / _SETTINGS):
        return
    with contextlib.suppress(OSError):
        (out / _SETTINGS).unlink(missing_ok=True)
        for folder in sorted(out.rglob("*"), reverse=True):
            folder.rmdir()
        out.rmdir()


def settings_of(out: Path) -> Settings:
    """Reads what the run in a folder was asked for.

    Raises:
        UsageError: it is not the folder of a run.
    """
    import jsonschema

    path = out / _SETTINGS
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(content, _FORM)
    except OSError as error:
        raise UsageError(
            f"--resume {out}: expected the folder of a `pairs run`, found no {_SETTINGS} in it"
        ) from error
    except (ValueError, RecursionError, jsonschema.ValidationError) as error:
        raise UsageError(
            f"--resume {path}: expected what `pairs run` wrote, found another form"
        ) from error
    return Settings(**content)


def write_trained(out: Path, name: str, result: TrainingResult) -> None:
    """Keeps what a training came to, or what it had come to when it was stopped.

    Raises:
        UsageError: it cannot be written.
    """
    arrays: dict[str, Any] = {_VARIABLE + key: array for key, array in result.variables.items()}
    told = {
        "steps": result.steps,
        "seconds": result.seconds,
        "reported": {key: list(map(float, values)) for key, values in result.reported.items()},
        "metrics": {key: float(value) for key, value in result.metrics.items()},
    }
    folder = out / _TRAINED
    folder.mkdir(exist_ok=True)

    def save(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez(file, losses=result.losses, told=json.dumps(told), **arrays)

    write_whole(folder / f"{name}.npz", save, "--out")


def read_trained(out: Path, name: str) -> TrainingResult | None:
    """Reads what `write_trained` kept; None where nothing was, or where it is damaged."""
    import jsonschema

    path = out / _TRAINED / f"{name}.npz"
    try:
        with np.load(path, allow_pickle=False) as file:
            told = json.loads(str(file["told"]))
            jsonschema.validate(told, _TOLD)
            variables = {
                key[len(_VARIABLE) :]: file[key] for key in file.files if key.startswith(_VARIABLE)
            }
            steps = [int(step) for step in told["reported"].pop("step")]
            reported = {"step": steps, **told["reported"]}
            return TrainingResult(
                int(told["steps"]),
                file["losses"],
                reported,
                variables,
                told["metrics"],
                float(told["seconds"]),
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError):
        return None  # TypeError: a lone array; RuntimeError: encrypted, or nested deep
    except (zipfile.BadZipFile, zlib.error, struct.error, jsonschema.ValidationError):
        return None


def joined(before: TrainingResult, after: TrainingResult) -> TrainingResult:
    """Returns a training that was stopped and resumed as one."""
    names = [*before.reported, *(name for name in after.reported if name not in before.reported)]
    reported = {
        name: [*before.reported.get(name, []), *after.reported.get(name, [])] for name in names
    }
    return after._replace(
        losses=np.concatenate([before.losses, after.losses]),
        reported=reported,
        seconds=before.seconds + after.seconds,
    )
