"""Lists every public name of an installed TensorFlow, by walking the package.

    .venv-tf115/bin/python -m shared.tools.lookup.walk > shared/tools/lookup/names_1_15.json

makes the list of TensorFlow 1.15: what it holds is a name of TensorFlow 1, whatever became of it
since. Runs on Python 3.7 under 1.15, and under TensorFlow 2.
"""

from __future__ import annotations

import collections
import importlib
import inspect
import json
import pkgutil
import re
import sys
import types
import warnings
from typing import Any, Dict, Iterator

# Names that a module has for its own use, though they begin with no underscore.
_NOT_OF_THE_API = {"absolute_import", "division", "print_function", "python", "kernels"}
_ANOTHER_API = {"compat.v1", "compat.v2"}  # the same names once more
_OF_PYTHON = {"test.mock"}  # Python's own module

# Modules that were generated for the API hold nothing else.
_GENERATED = re.compile(
    r"\b_?api\b|\b_v[12]\b|\b_tf_keras\b|^tensorflow(_core)?$|^tensorflow\.compat"
)

# Where code imports from TensorFlow's inside, and finds there what is public too.
_INSIDE = re.compile(
    r"^tensorflow(?:_core)?\.(python\.(?:client|data|feature_column|framework|layers|lib|ops|"
    r"platform|saved_model|summary|tools|training|util)\b.*)"
)

Objects = Dict[str, Any]


def walk(tensorflow: types.ModuleType, contrib: Objects) -> Objects:
    """Returns what each public name stands for; names are without `tf.`.

    Args:
        tensorflow: the package.
        contrib: the packages of `tf.contrib` by name, as `load_contrib` returns them.
    """
    found = dict(contrib)
    opened = set(map(id, contrib.values()))
    # Breadth first: a module of several names in contrib is opened under the shortest.
    waiting = collections.deque([("", tensorflow)])
    waiting.extend((name + ".", module) for name, module in contrib.items())
    while waiting:
        prefix, module = waiting.popleft()
        for name, value in _public(module):
            full = prefix + name
            if full in _ANOTHER_API:
                continue
            found[full] = value
            if full in _OF_PYTHON:
                continue
            if inspect.ismodule(value) and (_is_generated(module) or id(value) not in opened):
                opened.add(id(value))
                waiting.append((full + ".", value))
    return found


def _public(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    try:
        names = sorted(dir(module))
    except Exception:  # a lazily loaded part, which may fail in any way
        return
    for name in names:
        if name.startswith("_") or name in _NOT_OF_THE_API:
            continue
        try:
            value = getattr(module, name)
        except Exception:
            continue
        if not inspect.ismodule(value) or _is_public_module(module, value):
            yield name, value


def _is_generated(module: types.ModuleType) -> bool:
    return _GENERATED.search(module.__name__) is not None


def _is_public_module(parent: types.ModuleType, module: types.ModuleType) -> bool:
    """Whether a module is public where `parent` has it, and not merely imported there.

    Those packages of `contrib` that removed what is undocumented have no `absolute_import` left;
    in the others only what lies below them, or below `contrib` itself, is theirs.
    """
    if _is_generated(parent):
        return True
    if "absolute_import" not in vars(parent):
        return ".contrib" in parent.__name__
    return _place(module).startswith(_place(parent) + ".")


def _place(module: types.ModuleType) -> str:
    """The name of a module, which 1.15 imports as of tensorflow and as of tensorflow_core."""
    return module.__name__.replace("tensorflow_core", "tensorflow")


def load_contrib() -> Objects:
    """Imports every package of `tf.contrib` and returns them; `contrib` alone leaves some out."""
    import tensorflow as tf

    found: Objects = {}
    if not hasattr(tf, "contrib"):
        return found
    for package in pkgutil.iter_modules(tf.contrib.__path__):
        if package.name.startswith("_"):
            continue
        try:
            module = importlib.import_module("tensorflow.contrib." + package.name)
            found["contrib." + package.name] = getattr(tf.contrib, package.name, module)
        except Exception as error:  # needs something that is not there, such as a GPU's library
            print(f"tf.contrib.{package.name}: {error}", file=sys.stderr)
    return found


def names_of(objects: Objects) -> dict[str, dict[str, list[str]]]:
    """Returns the names by module, and there by what they are."""
    modules: dict[str, dict[str, list[str]]] = {}
    for full, value in sorted(objects.items()):
        module, _, name = full.rpartition(".")
        modules.setdefault(module, {}).setdefault(_kind(value), []).append(name)
    return modules


def _kind(value: Any) -> str:
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return "class"
    return "function" if callable(value) else "value"


def members_of(objects: Objects) -> dict[str, tuple[str, list[str]]]:
    """Returns for each class the public class below it, and the names that it adds to those."""
    names: dict[int, str] = {}
    classes = {full: value for full, value in objects.items() if inspect.isclass(value)}
    for full in sorted(classes, key=_rank):
        names.setdefault(id(classes[full]), full)
    members = {}
    for full, value in sorted(classes.items()):
        first = names[id(value)]
        above = [names[id(each)] for each in value.__mro__[1:] if id(each) in names]
        base = first if first != full else above[0] if above else ""
        inherited = set(_members(classes[base])) if base else set()
        own = sorted(set(_members(value)) - inherited)
        if base or own:
            members[full] = (base, own)
    return members


def _members(value: type) -> list[str]:
    return [name for name in dir(value) if not name.startswith("_")]


def aliases_of(objects: Objects) -> dict[str, list[str]]:
    """Returns for each function and class of several names the first, and the others."""
    names: dict[int, list[str]] = {}
    for full in sorted(objects, key=_rank):
        if callable(objects[full]) and not inspect.ismodule(objects[full]):
            names.setdefault(id(objects[full]), []).append(full)
    return {first: others for first, *others in names.values() if others}


def _rank(full: str) -> tuple[bool, int, str]:
    """Orders names: those of `contrib` and of TensorFlow's inside last, short ones first."""
    is_apart = full.startswith(("contrib.", "raw_ops.", "pywrap_tensorflow."))
    return is_apart, full.count("."), full


def names_inside(objects: Objects) -> dict[str, dict[str, list[str]]]:
    """Returns by module of `tensorflow.python` the public names under which its objects go.

    `{"python.ops.rnn_cell": {"nn.rnn_cell": ["LSTMCell"]}}` says that `tensorflow.python.ops.
    rnn_cell.LSTMCell` is `tf.nn.rnn_cell.LSTMCell`. Names that differ stand whole, as `LSTMCell=`
    and the public one.
    """
    names: dict[int, str] = {}
    for full in sorted(objects, key=_rank):
        value = objects[full]
        if callable(value) and not full.startswith(("raw_ops.", "contrib.", "pywrap_")):
            names.setdefault(id(value), full)
    inside: dict[str, dict[str, list[str]]] = {}
    for module_name, module in sorted(sys.modules.items()):
        match = _INSIDE.match(module_name)
        if match is None or _is_generated(module):
            continue
        for name, value in sorted(vars(module).items()):
            public = names.get(id(value))
            if public is None or name.startswith("_"):
                continue
            home, _, last = public.rpartition(".")
            text = name if last == name else name + "=" + last
            inside.setdefault(match.group(1), {}).setdefault(home, []).append(text)
    return inside


def main() -> int:
    """Prints the lists as JSON, a line for each module and class."""
    from shared.tensorflow_loading import load_tensorflow

    warnings.simplefilter("ignore")
    load_tensorflow()
    import tensorflow as tf

    objects = walk(tf, load_contrib())
    tables: list[tuple[str, Any]] = [
        ("made by", "python -m shared.tools.lookup.walk, under the TensorFlow that it names"),
        ("tensorflow", tf.__version__),
        ("names", names_of(objects)),
        ("members", members_of(objects)),
        ("aliases", aliases_of(objects)),
        ("inside", names_inside(objects)),
    ]
    print("{\n" + ",\n".join(as_lines(key, table) for key, table in tables) + "\n}")
    return 0


def as_lines(key: str, table: Any) -> str:
    """Returns a JSON member whose own members have a line each."""
    if not isinstance(table, dict):
        return json.dumps(key) + ": " + json.dumps(table)
    lines = ",\n".join(json.dumps(k) + ": " + json.dumps(v) for k, v in table.items())
    return json.dumps(key) + ": {\n" + lines + "\n}"


if __name__ == "__main__":
    sys.exit(main())
