"""The state of a name in the installed TensorFlow.

What `states_2.json` records was found by trying every public name of 1.15; it holds for the
version that it was made with. For another version, and for names that it does not list, the name
is tried here, once: what that showed is kept in the user's cache, in a file for each version.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from shared.tools.lookup import known_names

UNKNOWN = "neither TensorFlow 1.15 nor the installed TensorFlow has this name"
WORKS = "works"
_FORM = 1  # of the file; a file of another form is not read

_tried: set[str] = set()  # names that the cache's file does not hold yet

Found = tuple[str, "str | None"]  # the code of the state, and the new name of the same object


@functools.cache
def version() -> str:
    """Returns the version of the installed TensorFlow, without loading it."""
    return metadata.version("tensorflow")


def state(name: str) -> Found:
    """Returns the code of a name's state and the name under which TensorFlow 2 has the same object.

    Names below one that is gone are gone with it. Loads TensorFlow only for a name that is neither
    recorded nor kept in the cache.

    Args:
        name: without "tf.".
    """
    found = _without_trying(name)
    if found is None:
        try_all([name])
        found = _kept()[name]
    return found


def try_all(names: Iterable[str]) -> None:
    """Tries those names whose state nothing tells yet; one process with legacy Keras for all."""
    missing = [name for name in dict.fromkeys(names) if _without_trying(name) is None]
    if not missing:
        return
    from shared.tools.lookup import legacy_keras
    from shared.tools.lookup.index import Symbol
    from shared.tools.lookup.states import state_without_legacy_keras

    gone = []
    for name in missing:
        found = state_without_legacy_keras(Symbol(name, "", "", "", ""))
        is_of_tf1 = known_names.is_of_tf1(name)
        code = found.code if found.code != "gone" or is_of_tf1 else "unknown"
        _kept()[name] = (code, found.renamed)
        _tried.add(name)
        # Legacy Keras brings back what 1.15 had; no other name needs to be tried with it.
        gone += [name] if code in ("gone", "raises") and is_of_tf1 else []
    if gone and legacy_keras.installed():
        outcomes = legacy_keras.try_all([(name, None) for name in gone])
        for name, outcome in zip(gone, outcomes, strict=True):
            if outcome == WORKS:
                _kept()[name] = ("legacy keras", None)


def _without_trying(name: str) -> Found | None:
    """What is recorded for the installed version, or kept; None where neither knows the name."""
    if name.startswith("python."):
        return "internal", None
    if name == "__version__":  # which every release has, and which is no public name
        return "same", None
    if known_names.recorded_versions()[0] == version() and not _is_member_of_changed(name):
        above = name
        while above:
            found = known_names.recorded(above)
            if found is not None and (above == name or found.code == "gone"):
                return found.code, found.renamed
            above = above.rpartition(".")[0]
    return _kept().get(name)


def _is_member_of_changed(name: str) -> bool:
    """Whether a class stands for a member in what is recorded, and may be wrong about it.

    A class that TensorFlow 2 has changed still has members that are the same.
    """
    pair = known_names.member(name)
    if pair is None or name in known_names.what_it_is():
        return False
    found = known_names.recorded(name)
    return found is not None and found.code == "changed"


def summary(code: str) -> str:
    """Returns a state in a few words."""
    from shared.tools.lookup.states import STATES

    return STATES.get(code, UNKNOWN)


def keep() -> None:
    """Writes what was tried to the cache."""
    if _tried:
        write_cache(_cache_file(), {"form": _FORM, "states": _kept()})
        _tried.clear()


def write_cache(path: Path, table: dict[str, object]) -> None:
    """Writes a file of the cache, whole or not at all; does nothing where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, suffix=".new", delete=False, encoding="utf-8"
        ) as stream:
            json.dump(table, stream)
        os.replace(stream.name, path)
    except OSError:  # a cache saves time; nothing depends on it
        return


def cache_folder() -> Path:
    """Returns the folder of the user's cache."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "tf1-tf2-pairs"


@functools.cache
def _kept() -> dict[str, Found]:
    try:
        table = json.loads(_cache_file().read_text(encoding="utf-8"))
        if table["form"] != _FORM:
            return {}
        return {
            str(name): (str(code), renamed) for name, (code, renamed) in table["states"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or damaged
        return {}


def _cache_file() -> Path:
    return cache_folder() / f"states-{version()}.json"
