"""Recognizes behaviour that differs between TensorFlow 1 and 2 and that no name shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence

from shared.tools.scan.nodes import last_name
from shared.tools.scan.values import Instance, Value

Add = Callable[[ast.AST, str, str], None]

_TRAINING = re.compile(r"is_?train|training|train_?(mode|phase|flag)|phase", re.IGNORECASE)
_TENSORS = (Instance("tf.Tensor"), Instance("tf.Variable"))
_VARIABLES = {"tf.Variable", "tf.get_variable"}
_SCHEDULES = re.compile(
    r"^tf\.train\.(exponential_decay|polynomial_decay|natural_exp_decay|inverse_time_decay"
    r"|piecewise_constant|cosine_decay|cosine_decay_restarts|linear_cosine_decay"
    r"|noisy_linear_cosine_decay|piecewise_constant_decay)$"
)
_ALL_VARIABLES = {"global_variables", "all_variables"}
_SEEDS = {"tf.set_random_seed", "tf.random.set_random_seed"}
_FLAGS = re.compile(r"^tf\.(app\.)?flags\.(DEFINE_\w+)$")
BATCH_NORM = re.compile(
    r"^tf\.(layers\.(batch_normalization|BatchNormalization)"
    r"|contrib\.(layers|slim|framework)\.batch_norm)$"
)
_SHAPES = re.compile(r"(^|_)(shape|dims)$")
RUNS_UPDATES = re.compile(r"GraphKeys\.UPDATE_OPS$|\.create_train_op$|\.optimize_loss$")
# What writes, or can only read, the files of a Saver.
USES_SAVER = re.compile(
    r"^tf\.(train\.(Saver|Scaffold|Supervisor|MonitoredTrainingSession|CheckpointSaverHook"
    r"|NewCheckpointReader|init_from_checkpoint|import_meta_graph|export_meta_graph)"
    r"|(python\.)?pywrap_tensorflow\.NewCheckpointReader|estimator|contrib)\b"
)
# What reads the files of a Saver and of a tf.train.Checkpoint.
READS_EITHER = {
    "tf.train.latest_checkpoint",
    "tf.train.get_checkpoint_state",
    "tf.train.load_checkpoint",
    "tf.train.load_variable",
    "tf.train.list_variables",
}
# What reads which kind of checkpoint.
_READERS = {
    "tf.train.Saver.restore": "checkpoint-of-saver",
    "tf.train.latest_checkpoint": "checkpoint-of-saver",
    "tf.train.get_checkpoint_state": "checkpoint-of-saver",
    "tf.train.init_from_checkpoint": "checkpoint-of-saver",
    "tf.contrib.framework.init_from_checkpoint": "checkpoint-of-saver",
    "tf.contrib.framework.assign_from_checkpoint": "checkpoint-of-saver",
    "tf.contrib.framework.assign_from_checkpoint_fn": "checkpoint-of-saver",
    "tf.contrib.slim.assign_from_checkpoint_fn": "checkpoint-of-saver",
    "tf.contrib.slim.assign_from_checkpoint": "checkpoint-of-saver",
    "tf.train.load_checkpoint": "checkpoint-of-saver",
    "tf.train.load_variable": "checkpoint-of-saver",
    "tf.contrib.framework.load_variable": "checkpoint-of-saver",
    "tf.train.list_variables": "checkpoint-of-saver",
    "tf.train.NewCheckpointReader": "checkpoint-of-saver",
    "tf.pywrap_tensorflow.NewCheckpointReader": "checkpoint-of-saver",
    "tf.python.pywrap_tensorflow.NewCheckpointReader": "checkpoint-of-saver",
    "tf.train.import_meta_graph": "meta-graph",
    "tf.import_graph_def": "frozen-graph",
    "tf.saved_model.loader.load": "saved-model-of-tf1",
    "tf.saved_model.load": "saved-model-of-tf1",
    "tf.keras.models.load_model": "keras-file",
    "tf.keras.Model.load_weights": "keras-file",
}


def call(add: Add, node: ast.Call, function: Value, loop_depth: int) -> None:
    """Adds what a call shows; `loop_depth` is the number of loops around it."""
    words = {word.arg: word.value for word in node.keywords}
    if "feed_dict" in words:
        add(node, "feed-dict", "feed_dict=")
    if not isinstance(function, str):
        if (
            last_name(node.func) == "run"
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Dict)
        ):
            add(node, "feed-dict", "a dict as second argument of run")
        return
    if function.endswith("Session.run") and len(node.args) > 1 and "feed_dict" not in words:
        add(node, "feed-dict", "second argument of run")
    if function in _VARIABLES and loop_depth:
        add(node, "variable-in-loop", function)
    if _SCHEDULES.match(function):
        add(node, "schedule-of-global-step", function)
    if function in _SEEDS:
        add(node, "seed", function)
    elif isinstance(words.get("seed"), ast.Constant):
        add(node, "seed", "seed=")
    if flag := _FLAGS.match(function):
        add(node, "flags", flag[2])
    if function == "tf.train.Saver" and _is_partial(node.args, words):
        add(node, "saver-of-some-variables", "Saver(var_list)")
    if reader := _READERS.get(function):
        add(node, reader, function)
    if function in ("tf.placeholder", "tf.placeholder_with_default") and _is_bool(words, node.args):
        add(node, "training-placeholder", function)


def attribute(add: Add, node: ast.Attribute) -> None:
    """Adds `.value` of an element of what is named as a shape: `x.shape[0].value`."""
    if node.attr != "value" or not isinstance(node.value, ast.Subscript):
        return
    of = node.value.value
    name = last_name(of.func if isinstance(of, ast.Call) else of)
    if _SHAPES.search(name):
        add(node, "dimension-value", f"{name}[...].value")


def _is_partial(arguments: Sequence[ast.expr], words: dict[str | None, ast.expr]) -> bool:
    """Whether a Saver is given variables, and not all of them."""
    given = arguments[0] if arguments else words.get("var_list")
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        return False
    return not (isinstance(given, ast.Call) and last_name(given.func) in _ALL_VARIABLES)


def assignment(add: Add, node: ast.Assign, value: Value) -> None:
    """Adds a placeholder that is assigned to a name such as is_training, if not of type bool."""
    if not isinstance(node.value, ast.Call):
        return
    name = last_name(node.targets[0])
    call_name = last_name(node.value.func)
    words = {word.arg: word.value for word in node.value.keywords}
    if (
        call_name in ("placeholder", "placeholder_with_default")
        and _TRAINING.search(name)
        and value == Instance("tf.Tensor")
        and not _is_bool(words, node.value.args)
    ):
        add(node.value, "training-placeholder", name)


def _is_bool(words: dict[str | None, ast.expr], arguments: Sequence[ast.expr]) -> bool:
    """Whether a placeholder holds truth values."""
    given = [*arguments[:1], *filter(None, [words.get("dtype"), words.get("input")])]
    for value in given:
        if last_name(value) == "bool":
            return True
        if isinstance(value, ast.Constant) and (
            isinstance(value.value, bool) or value.value == "bool"
        ):
            return True
    return False


def comparison(add: Add, node: ast.Compare, values: Sequence[Value]) -> None:
    """Adds `==` and `!=` of which a side is a tensor."""
    for index, operator in enumerate(node.ops):
        sides = values[index : index + 2]
        constants = [node.left, *node.comparators][index : index + 2]
        is_none = any(isinstance(c, ast.Constant) and c.value is None for c in constants)
        if isinstance(operator, (ast.Eq, ast.NotEq)) and any(side in _TENSORS for side in sides):
            written = "==" if isinstance(operator, ast.Eq) else "!="
            add(node, "tensor-equality", f"{written} None" if is_none else written)


def context(add: Add, node: ast.AST, value: Value) -> None:
    """Adds `with tf.device(...)`."""
    if isinstance(node, ast.Call) and value == "tf.device":
        add(node, "device", "tf.device")
