"""What a name of the scanned code stands for, as far as its text tells.

A value is one of:

- a path, such as "tf.train.Saver": that symbol of TensorFlow; "tf" is the whole package
- `Instance("tf.train.Saver")`: an object of that class
- `Reference("common", "tf")`: what a module of the scanned code exports; linked later
- `Constant`: a string that is written in the code
- `Several`: one of several values, as branches leave it
- `OTHER`: something that is not of TensorFlow
- None: unknown
"""

from __future__ import annotations

from typing import NamedTuple


class Instance(NamedTuple):
    """An object of a class of TensorFlow."""

    of: str


class Reference(NamedTuple):
    """A name that another module of the scanned code binds, and attributes of it."""

    module: str
    name: str


class Constant(NamedTuple):
    """A string."""

    text: str


class Several(NamedTuple):
    """One of several symbols, as the branch decides that is taken."""

    paths: tuple[str, ...]


class Other(NamedTuple):
    """Something that is not of TensorFlow."""

    other: bool = True


OTHER = Other()
Value = str | Instance | Reference | Constant | Several | Other | None

# What calls return, where that is no object of a class of that name and no tensor.
_RETURNS: dict[str, Value] = {
    "tf.get_default_graph": Instance("tf.Graph"),
    "tf.get_default_session": Instance("tf.Session"),
    "tf.train.MonitoredTrainingSession": Instance("tf.train.MonitoredSession"),
    "tf.get_variable": Instance("tf.Variable"),
    "tf.train.get_or_create_global_step": Instance("tf.Variable"),
    "tf.train.create_global_step": Instance("tf.Variable"),
    "tf.train.get_global_step": Instance("tf.Variable"),
    "tf.contrib.framework.get_or_create_global_step": Instance("tf.Variable"),
    "tf.train.load_checkpoint": Instance("tf.train.NewCheckpointReader"),
    "tf.train.NewCheckpointReader": Instance("tf.train.NewCheckpointReader"),
    "tf.train.import_meta_graph": Instance("tf.train.Saver"),
    "tf.global_variables_initializer": Instance("tf.Operation"),
    "tf.local_variables_initializer": Instance("tf.Operation"),
    "tf.initialize_all_variables": Instance("tf.Operation"),
    "tf.group": Instance("tf.Operation"),
    "tf.no_op": Instance("tf.Operation"),
    "tf.Session.as_default": Instance("tf.Session"),
    "tf.Graph.as_default": Instance("tf.Graph"),
    "tf.train.Supervisor.managed_session": Instance("tf.Session"),
    "tf.train.Supervisor.prepare_or_wait_for_session": Instance("tf.Session"),
    "tf.summary.FileWriter": Instance("tf.summary.FileWriter"),
    "tf.train.SummaryWriter": Instance("tf.summary.FileWriter"),
}
# Objects that attributes hold.
_HOLDS: dict[str, Value] = {
    "tf.Session.graph": Instance("tf.Graph"),
    "tf.InteractiveSession.graph": Instance("tf.Graph"),
    "tf.Tensor.graph": Instance("tf.Graph"),
    "tf.Tensor.shape": OTHER,
    "tf.Variable.shape": OTHER,
}
# Methods that return an object of the class that they belong to.
_FLUENT = {"tf.data.Dataset", "tf.data.TFRecordDataset", "tf.data.TextLineDataset"}
_FLUENT_METHODS = {
    "batch", "cache", "concatenate", "filter", "flat_map", "from_generator",
    "from_tensor_slices", "from_tensors", "interleave", "list_files", "map", "padded_batch",
    "prefetch", "range", "repeat", "shard", "shuffle", "skip", "take", "zip", "apply",
    "make_one_shot_iterator", "make_initializable_iterator",
}  # fmt: skip
# Where a function gives a tensor.
_TENSORS_IN = {"", "nn", "math", "layers", "image", "losses", "linalg", "random", "strings"}
_NO_TENSOR = {
    "all_variables", "assert_variables_initialized", "clip_by_global_norm", "colocate_with",
    "control_dependencies", "device", "dynamic_rnn", "bidirectional_dynamic_rnn",
    "get_collection", "get_collection_ref", "get_variable_scope", "global_variables",
    "gradients", "import_graph_def", "local_variables", "make_template", "meshgrid",
    "model_variables", "moments", "name_scope", "op_scope", "py_func", "set_random_seed",
    "split", "static_rnn", "rnn", "top_k", "trainable_variables", "tuple", "unstack", "unpack",
    "variable_scope", "variable_op_scope", "while_loop", "fused_batch_norm",
    "add_to_collection", "function", "custom_gradient", "as_dtype", "variables_initializer",
    "get_seed", "create_partitioned_variables", "dynamic_partition", "unique",
    "unique_with_counts", "load_op_library", "load_library",
    "register_tensor_conversion_function", "is_tensor", "get_logger", "disable_eager_execution",
    "enable_eager_execution", "cond", "scan", "ctc_beam_search_decoder", "ctc_greedy_decoder",
    "sufficient_statistics", "enable_v2_behavior", "disable_v2_behavior",
    "enable_resource_variables", "get_regularization_loss", "get_losses",
    "get_regularization_losses", "max_pool_with_argmax", "lu", "qr", "svd", "set_seed",
    "initialize_all_tables", "tables_initializer", "executing_eagerly", "print", "Print",
}  # fmt: skip
# Attributes below these are those of the object that they hold.
_OBJECTS = {"FLAGS", "__version__", "__file__", "__path__", "__name__"}


def attribute(value: Value, name: str) -> Value:
    """Returns what `value.name` stands for."""
    if isinstance(value, str):
        if name in _OBJECTS:
            return Instance(f"{value}.{name}")
        return f"{value}.{name}"
    if isinstance(value, Reference):
        return Reference(value.module, f"{value.name}.{name}".removeprefix("."))
    if isinstance(value, Several):
        return Several(tuple(f"{path}.{name}" for path in value.paths))
    if isinstance(value, (Other, Constant)):
        return OTHER
    return None


def method(instance: Instance, name: str) -> str | None:
    """Returns the symbol of an object's method; None where its attributes are no symbols."""
    if instance.of.rpartition(".")[2] in _OBJECTS:
        return None
    return f"{instance.of}.{name}"


def held(symbol: str) -> Value:
    """Returns the object that an attribute of an object holds; the symbol itself if unknown."""
    return _HOLDS.get(symbol, symbol)


def returned(value: Value) -> Value:
    """Returns what calling a value gives."""
    if isinstance(value, Other):
        return OTHER
    if not isinstance(value, str):
        return None
    if value in _RETURNS:
        return _RETURNS[value]
    space, _, name = value.removeprefix("tf.").rpartition(".")
    if f"tf.{space}" in _FLUENT and name in _FLUENT_METHODS:
        return Instance("tf.data.Iterator" if "iterator" in name else "tf.data.Dataset")
    if name[:1].isupper():
        return Instance("tf.data.Dataset" if value in _FLUENT else value)
    if space == "contrib.rnn.LSTMStateTuple":
        return None
    if space in _TENSORS_IN and name not in _NO_TENSOR:
        return Instance("tf.Tensor")
    return None


def merged(first: Value, second: Value) -> Value:
    """Returns what a name stands for that two branches bind."""
    if first == second:
        return first
    unknown = (None, OTHER)
    if first in unknown or isinstance(first, Constant):
        return second if second not in unknown else None
    if second in unknown or isinstance(second, Constant):
        return first
    paths = [*_paths(first), *_paths(second)]
    return Several(tuple(dict.fromkeys(paths))) if all(paths) else None


def _paths(value: Value) -> tuple[str, ...]:
    if isinstance(value, Several):
        return value.paths
    if isinstance(value, Instance):
        return (value.of,)
    return (value,) if isinstance(value, str) else ("",)
