"""Compares the variables of a checkpoint with those of a model, before anything is assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import CheckpointError

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_SAVE_COUNTER = "save_counter" + _SUFFIX  # of every `Checkpoint.save`, in no model
_KINDS = {
    False: ("TensorFlow 1's Saver", "tf1"),
    True: ("TensorFlow 2's tf.train.Checkpoint", "tf2"),
}


def by_name(variables: Iterable[Any]) -> dict[str, Any]:
    """Returns the variables of a graph under the names that a Saver gives them."""
    return {variable.op.name: variable for variable in variables}


def by_path(view: Any) -> dict[str, Any]:
    """Returns the variables of a `tf.train.TrackableView` under the keys in its checkpoint.

    A key is the path of attributes to the variable, the shortest of them; see
    https://www.tensorflow.org/guide/checkpoint#loading_mechanics.
    """
    variables = {}
    paths = [("", view.root)]
    seen = {id(view.root)}
    for path, parent in paths:  # grows on the way: breadth first
        for attribute, child in view.children(parent).items():
            if id(child) not in seen:
                seen.add(id(child))
                key = path + _escaped(attribute)
                paths.append((key + "/", child))
                if hasattr(child, "shape") and hasattr(child, "dtype"):
                    variables[key + _SUFFIX] = child
    return variables


def _escaped(attribute: str) -> str:
    return attribute.replace(".", "..").replace("/", ".S")


def require_variables(path: str, reader: Any, expected: Mapping[str, Any]) -> None:
    """Raises CheckpointError unless a checkpoint holds exactly the variables of a model.

    Args:
        path: the checkpoint, for the message.
        reader: `tf.train.load_checkpoint(path)`.
        expected: the model's variables by their keys in the file; see `by_name`, `by_path`.

    Raises:
        CheckpointError: a variable is missing or too much, or has another shape or dtype. The
            message names the first of them.
    """
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    _require_kind(path, _GRAPH in shapes, any(key.endswith(_SUFFIX) for key in expected))
    model = {key: _type(variable.shape, variable.dtype) for key, variable in expected.items()}
    file = {
        key: _type(shapes[key], dtypes[key])
        for key in shapes
        if key not in (_GRAPH, _SAVE_COUNTER) or key in model
    }
    differing = sorted(key for key in {*model, *file} if model.get(key) != file.get(key))
    if differing:
        key, *others = differing
        name = key[: -len(_SUFFIX)] if key.endswith(_SUFFIX) else key
        raise CheckpointError(
            f"{path}: variable {name}: expected {model.get(key, 'no such variable')}, "
            f"found {file.get(key, 'no such variable')}"
            + (f"; so with {len(others)} more" if others else "")
        )


def _require_kind(path: str, found: bool, expected: bool) -> None:
    if found != expected:
        (wanted, style), (other, _) = _KINDS[expected], _KINDS[found]
        raise CheckpointError(
            f"{path}: expected a checkpoint of {wanted}, found one of {other}; "
            f"`pairs checkpoint convert --to {style}` makes one"
        )


def _type(shape: Any, dtype: Any) -> str:
    """Returns dtype and shape as people read them; TF1's reference types are as their base."""
    base = getattr(dtype, "base_dtype", dtype)
    return f"{getattr(base, 'name', base)} {[int(size) for size in shape]}"
