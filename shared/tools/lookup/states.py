"""The state of a TensorFlow 1 name in the installed TensorFlow, found by trying it."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from shared.tools.lookup import known_names, legacy_keras
from shared.tools.lookup.index import Symbol

WORKS = "works"

STATES = {
    "same": "still there under this name, unchanged",
    "changed": "still there under this name, with other arguments or behaviour",
    "keras 3": "still there under this name, as Keras 3 has it",
    "compat": "in tf.compat.v1 only; a small call runs in a graph and in eager mode",
    "named": "in tf.compat.v1 only; not called",
    "graph only": "in tf.compat.v1 only; a small call runs in a graph, and raises in eager mode",
    "raises": "in tf.compat.v1 only, and raises when used",
    "legacy keras": "with legacy Keras only: package tf_keras, and TF_USE_LEGACY_KERAS=1",
    "gone": "gone, from tf.compat.v1 too, and legacy Keras does not bring it back",
    "internal": "of TensorFlow's inside, which any release may move",
    "new": "a name of TensorFlow 2, which TensorFlow 1.15 did not have",
}


@dataclass(frozen=True)
class State:
    """What trying a name showed.

    Attributes:
        code: one of `STATES`.
        version: the TensorFlow that was tried.
        example: the call that was tried, if there is one.
        lookup: the error where neither `tf.` nor `tf.compat.v1` has the name; of an internal name,
            why it cannot be imported; None otherwise.
        lost: arguments that `tf.NAME` no longer takes, where both exist and say what they take.
        in_graph: outcome of the example as compat.v1 in a graph: `works`, or the error; None where
            there is no example, or no such name.
        in_eager: the same in eager mode.
        as_tf2: the same example with TensorFlow 2's `tf.`, in eager mode; None where there is no
            example, where `tf.` or `tf.compat.v1` has no such name, and where both have the very
            same object.
        with_legacy_keras: outcome, in a process with `TF_USE_LEGACY_KERAS=1`, of the example as
            compat.v1 in a graph, or of the name where there is no example; None where the name
            works without it.
        renamed: the name under which TensorFlow 2 has the very same object; None without one.
        upgraded: the name that `tf_upgrade_v2` writes instead; None where it leaves the name.
    """

    code: str
    version: str
    example: str | None
    lookup: str | None
    lost: tuple[str, ...]
    in_graph: str | None
    in_eager: str | None
    as_tf2: str | None
    with_legacy_keras: str | None
    renamed: str | None
    upgraded: str | None

    @property
    def summary(self) -> str:
        """The state in a few words."""
        return STATES[self.code]

    def details(self) -> list[tuple[str, str]]:
        """Returns what else is worth knowing, each as a few words and a name, call or error."""
        lines = [("tried", self.example)] if self.in_graph is not None and self.example else []
        lines += [("no longer takes", ", ".join(self.lost))] if self.lost else []
        lines += [("looked up", self.lookup)] if self.lookup else []
        for where, outcome in {
            "in a graph": self.in_graph,
            "in eager mode": self.in_eager,
            "with TensorFlow 2's tf.": self.as_tf2,
        }.items():
            if outcome not in (None, WORKS):
                lines.append((where, str(outcome)))
        if self.with_legacy_keras is not None and self.code != "gone":
            lines.append(("with legacy Keras", self.with_legacy_keras))
        lines += [("the same as", f"tf.{self.renamed}")] if self.renamed else []
        return lines + ([("tf_upgrade_v2 writes", self.upgraded)] if self.upgraded else [])


@functools.cache
def state(symbol: Symbol) -> State:
    """Tries a symbol in the installed TensorFlow, once a process.

    Takes milliseconds once TensorFlow is loaded, seconds where it starts a process.

    Its name is looked up in `tf` and in `tf.compat.v1`; its example is run as compat.v1 in a graph
    of its own, as compat.v1 in eager mode, and with TensorFlow 2's `tf`. What failed is tried with
    legacy Keras, which takes a process of its own unless this TensorFlow is the recorded one.
    """
    found = state_without_legacy_keras(symbol)
    if symbol.name.startswith("python."):
        return replace(found, code="internal", lookup=_import_error(symbol.name))
    if found.code not in ("gone", "raises"):
        return found
    outcome = legacy_keras.outcome(symbol.name, symbol.example, found.version)
    code = "legacy keras" if outcome == WORKS else found.code
    return replace(found, code=code, with_legacy_keras=outcome)


@functools.cache
def state_without_legacy_keras(symbol: Symbol) -> State:
    """Tries a symbol as `state` does, in this process only."""
    from shared.tensorflow_loading import load_tensorflow

    load_tensorflow()
    import tensorflow as tf

    native, missing = look_up(tf, symbol.name)
    legacy, lookup = look_up(tf.compat.v1, symbol.name)
    is_native = missing is None
    example = symbol.example if lookup is None else None
    is_same = is_native and lookup is None and _is_same(native, legacy)
    in_graph = outcome_of(example, tf.compat.v1, tf.Graph) if example else None
    in_eager = outcome_of(example, tf.compat.v1) if example else None
    return State(
        code=_code(symbol.name, missing, lookup, is_same, in_graph, in_eager),
        version=tf.__version__,
        example=symbol.example,
        lookup=None if is_native else lookup,
        lost=_lost_arguments(legacy, native),
        in_graph=in_graph,
        in_eager=in_eager,
        as_tf2=outcome_of(example, tf) if example and is_native and not is_same else None,
        with_legacy_keras=None,
        renamed=None if is_native else _native_name(legacy),
        upgraded=upgrade_table().get(f"tf.{symbol.name}"),
    )


def _import_error(inside: str) -> str | None:
    """Why `tensorflow.python.…` cannot be imported now; None where it can."""
    module, _, name = inside.rpartition(".")
    try:
        found = importlib.import_module(f"tensorflow.{module}")
    except Exception as error:  # a module that is loaded may fail in any way
        return _one_line(error)
    missing = look_up(found, name)[1]
    if missing is not None:  # unless it is a module, which nothing has imported yet
        try:
            importlib.import_module(f"tensorflow.{inside}")
        except ModuleNotFoundError as error:
            return missing if error.name == f"tensorflow.{inside}" else _one_line(error)
        except Exception as error:
            return _one_line(error)
    return None


def _native_name(found: Any) -> str | None:
    """The name that TensorFlow gives the very same object in its own `tf.`."""
    import tensorflow as tf
    from tensorflow.python.util import tf_export

    if not _is_code(found):
        return None
    for name in tf_export.get_v2_names(tf_export.tf_decorator.unwrap(found)[1]):
        native, _ = look_up(tf, name)
        if native is not None and _original(native) is _original(found):
            return str(name)
    return None


def upgrade_table() -> dict[str, str]:
    """Returns the names that the installed `tf_upgrade_v2` replaces, and by which."""
    from tensorflow.tools.compatibility import all_renames_v2

    return all_renames_v2.symbol_renames


def _code(
    name: str,
    missing: str | None,
    missing_in_v1: str | None,
    is_same: bool,
    in_graph: str | None,
    in_eager: str | None,
) -> str:
    if not known_names.is_of_tf1(name) and (missing is None or missing_in_v1 is None):
        return "new"
    if missing is None:
        return "keras 3" if name.startswith("keras.") else "same" if is_same else "changed"
    if missing_in_v1 is not None:
        return "gone"
    if in_graph not in (WORKS, None):
        return "raises"
    if in_graph is None:
        return "named"
    return "compat" if in_eager == WORKS else "graph only"


def look_up(root: Any, name: str) -> tuple[Any, str | None]:
    """Returns what a dotted name stands for, or None and the error."""
    found = root
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # a lazily loaded part may fail in any way
        return None, _one_line(error)
    return found, None


def _original(found: Any) -> Any:
    """What a function was before TensorFlow wrapped it for each of its names."""
    return inspect.unwrap(found) if _is_code(found) else found


def _is_same(native: Any, legacy: Any) -> bool:
    left, right = _original(native), _original(legacy)
    # A method of a class is another object at each look, and an equal one.
    return left is right or (inspect.isroutine(left) and bool(left == right))


def _is_code(found: Any) -> bool:
    """Whether it is a function or class; asking more of a flags object makes it parse `argv`."""
    return inspect.isroutine(found) or inspect.isclass(found)


def _lost_arguments(legacy: Any, native: Any) -> tuple[str, ...]:
    try:
        taken = inspect.signature(native).parameters
        return tuple(name for name in inspect.signature(legacy).parameters if name not in taken)
    except (TypeError, ValueError):  # not callable, or written in C++
        return ()


def outcome_of(
    example: str, namespace: Any, graph: Callable[[], Any] = contextlib.nullcontext
) -> str:
    """Runs an example, in a graph of its own if one is given; returns `WORKS` or the error."""
    surroundings = graph()
    try:
        with warnings.catch_warnings(), getattr(surroundings, "as_default", lambda: surroundings)():
            warnings.simplefilter("ignore")
            result = eval(example, {"tf": namespace})
            if hasattr(type(result), "mark_used"):
                result.mark_used()  # else TensorFlow logs that nobody did
    except Exception as error:  # which one is what we want to know
        return _one_line(error)
    return WORKS


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"
