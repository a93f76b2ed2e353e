"""Tries every public name of TensorFlow 1.15 in the installed TensorFlow 2.

    python -m shared.tools.lookup.record_states > shared/tools/lookup/states_2.json

makes the table from which the look-up answers without loading TensorFlow; a test compares it with
what trying shows.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

from shared.tools.lookup import known_names, legacy_keras
from shared.tools.lookup.index import Symbol, symbols
from shared.tools.lookup.states import (
    WORKS,
    State,
    look_up,
    state_without_legacy_keras,
    upgrade_table,
)
from shared.tools.lookup.walk import as_lines, walk


def states_now() -> dict[str, Any]:
    """Returns the table, as `states_2.json` holds it."""
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    found = {name: state_without_legacy_keras(_symbol(name)) for name in known_names.what_it_is()}
    codes = {name: state.code for name, state in found.items()}
    codes.update(_with_legacy_keras(found))
    renamed = {name: state.renamed for name, state in found.items() if state.renamed}
    codes.update(_members_unlike_their_class(codes))
    codes.update(_names_since(tf))
    return {
        "made by": "python -m shared.tools.lookup.record_states",
        "tensorflow": tf.__version__,
        "tf_keras": legacy_keras.installed(),
        "states": _by_module(codes),
        "renamed": renamed,
        "upgraded": _upgraded(codes),
    }


def _upgraded(codes: Mapping[str, str]) -> dict[str, str]:
    """What `tf_upgrade_v2` writes for names that are gone, if TensorFlow 2 has that."""
    import tensorflow as tf

    found = {}
    for old, new in upgrade_table().items():
        name, target = old.removeprefix("tf."), new.removeprefix("tf.").replace("compat.v2.", "")
        if codes.get(name) == "gone" and look_up(tf, target)[1] is None:
            found[name] = target
    return dict(sorted(found.items()))


def _symbol(name: str) -> Symbol:
    """The entry of a name, or one without an example."""
    return symbols().get(name) or Symbol(name, "", "", "", "")


def _with_legacy_keras(found: Mapping[str, State]) -> dict[str, str]:
    """The names that work with legacy Keras and not without it."""
    tried = [
        (name, state.example) for name, state in found.items() if state.code in ("gone", "raises")
    ]
    outcomes = legacy_keras.try_all(tried)
    return {
        name: "legacy keras"
        for (name, _), outcome in zip(tried, outcomes, strict=True)
        if outcome == WORKS
    }


def _members_unlike_their_class(codes: Mapping[str, str]) -> dict[str, str]:
    """The members of classes that are there and have them no longer, or in compat.v1 only."""
    import tensorflow as tf

    unlike = {}
    for owner, code in codes.items():
        if code in ("gone", "legacy keras"):
            continue
        native, legacy = look_up(tf, owner)[0], look_up(tf.compat.v1, owner)[0]
        for last in known_names.members(owner):
            name = f"{owner}.{last}"
            if name in codes:
                continue  # a value of its own, as of an enumeration
            if native is not None and _has(native, last):
                continue
            if legacy is None or not _has(legacy, last):
                unlike[name] = "gone"
            elif native is not None:
                unlike[name] = "named"
    return unlike


def _has(owner: Any, name: str) -> bool:
    return look_up(owner, name)[1] is None


def _names_since(tensorflow: Any) -> dict[str, str]:
    """The names of `tf.` and `tf.compat.v1` that 1.15 did not have."""
    here = {**walk(tensorflow.compat.v1, {}), **walk(tensorflow, {})}
    with_legacy_keras = dict.fromkeys(legacy_keras.public_names(), "legacy keras")
    found = {**with_legacy_keras, **dict.fromkeys(here, "new")}
    return {name: code for name, code in found.items() if not known_names.is_of_tf1(name)}


def _by_module(codes: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    modules: dict[str, dict[str, list[str]]] = {}
    for full, code in sorted(codes.items()):
        module, _, name = full.rpartition(".")
        modules.setdefault(module, {}).setdefault(code, []).append(name)
    return modules


def main() -> int:
    """Prints the table as JSON, a line for each module."""
    warnings.simplefilter("ignore")
    lines = [as_lines(key, table) for key, table in states_now().items()]
    print("{\n" + ",\n".join(lines) + "\n}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
