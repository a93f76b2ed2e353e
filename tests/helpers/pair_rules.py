"""The rules of a pair, as functions that return what breaks them; an empty list is a pass.

Every function takes the source texts, so that the tests can show it a broken twin.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Sequence

from shared.tools.alignment import STAGE

STAGES = [
    "INPUTS",
    "PARAMETERS",
    "FORWARD",
    "LOSS",
    "UPDATE",
    "METRICS",
    "SESSION",
    "RUNNING",
    "CHECKPOINT",
    "EXPORT",
]
# The most lines of a file, by model.
LINES = {"linear_regression": 200, "relu_regression": 200, "softmax_regression": 200}
LINES.update(mlp=215, cnn=265)
LINES.update(residual_network=280)
LINES.update(recurrent_network=247)  # the TensorFlow 2 twin writes out the cell
LINES.update(embeddings=220)
LINES.update(adversarial=260)  # two networks
LINES.update(several_workers=270)
LINES.update(asynchronous_workers=280)  # the TensorFlow 1 twin writes out what a coordinator does
FIRST_TENSORFLOW_LINE = 45
SHARED_NAMES = 5
LESSON_SHARE = 0.75
# Differing lines of both files, hunks: each is a lesson, the last one where batches come from.
SOFTMAX_DIFFERENCES = (140, 30)

# Names that only one of the twins may have.
ONLY_IN_TF1 = {
    "create_inputs": "placeholders are part of one object's graph",
    "scaffold": "a Session of several workers is initialized by one of them",
    "KeepSession": "MonitoredTrainingSession hides the Session that a Saver needs",
    "after_create_session": "as KeepSession",
    "own": "a coordinator gives batches to whoever is free",
    "create_queues": "a coordinator waits for the workers",
    "LossRecorder": "a hook fetches what a step of TensorFlow 2 returns",
    "before_run": "as LossRecorder",
    "after_run": "as LossRecorder",
    "logging_hook": "a hook logs what a loop of TensorFlow 2 logs in a line",
    "model_fn": "an Estimator makes a graph of its own for each mode",
    "evaluations": "an Estimator returns the last evaluation and writes the others to files",
}
ONLY_IN_TF2 = {
    "IMAGES": "signatures belong to the class, because its decorators need them",
    "LABELS": "as IMAGES",
    "IMAGE_BATCHES": "as IMAGES",
    "LABEL_BATCHES": "as IMAGES",
    "INPUTS": "as IMAGES",
    "TARGETS": "as IMAGES",
    "INPUT_BATCHES": "as IMAGES",
    "TARGET_BATCHES": "as IMAGES",
    "USERS": "as IMAGES",
    "ITEMS": "as IMAGES",
    "RATINGS": "as IMAGES",
    "ID_BATCHES": "as IMAGES",
    "RATING_BATCHES": "as IMAGES",
    "NOISE": "as IMAGES",
    "NOISE_BATCHES": "as IMAGES",
    "read_row": "LSTMCell computes it",
    "create_network": "tf.layers creates the variables of a layer where it is called",
    "distributed_step": "a strategy runs a function on every replica",
    "replica_step": "as distributed_step",
}
# Settings that may differ.
ONLY_IN_TF2_SETTINGS = {"optimizer": "TensorFlow 2 has a choice: Keras's Adam or the old kernel"}
STYLE_IN_DEFAULT = {"checkpoint_dir": "the two kinds of checkpoint must not share a state file"}

# Where the mathematics may differ: stage -> what to put for what in the TensorFlow 1 text.
MATHEMATICS = ["FORWARD", "LOSS", "METRICS"]
RENAMED_IN_TF2 = {
    "softmax_cross_entropy_with_logits_v2": "softmax_cross_entropy_with_logits",
}

# Where a pair's mathematics is written in another way on purpose: model -> stage -> reason.
OTHER_MATHEMATICS = {
    "mlp": {"FORWARD": "TensorFlow 2 has Keras layers for what TensorFlow 1 writes out"},
    "residual_network": {
        "LOSS": "TensorFlow 1's layers collect the penalties that TensorFlow 2 adds"
    },
    "recurrent_network": {"FORWARD": "TensorFlow 1 has a cell for what TensorFlow 2 writes out"},
    "adversarial": {
        "FORWARD": "TensorFlow 1 has layers in scopes for what TensorFlow 2 writes out"
    },
}

# What a style must not use. A name with a dot is looked for after `tf.`, one without anywhere.
TF1_NAMES = [
    "tf.compat",
    "tf.placeholder",
    "tf.Session",
    "tf.InteractiveSession",
    "tf.Graph",
    "tf.get_variable",
    "tf.variable_scope",
    "tf.global_variables_initializer",
    "tf.gradients",
    "tf.assign",
    "tf.assign_add",
    "tf.assign_sub",
    "tf.control_dependencies",
    "tf.gfile",
    "tf.train.Saver",
    "tf.train.get_or_create_global_step",
    "tf.train.GradientDescentOptimizer",
    "tf.train.AdamOptimizer",
    "tf.summary.FileWriter",
    "tf.summary.merge_all",
    "tf.saved_model.Builder",
    "tf.saved_model.simple_save",
    "feed_dict",
    "session",
]
# What the TensorFlow 2 file of a pair may use all the same, because TensorFlow 2 has nothing else.
ALLOWED_IN_TF2 = {
    "transfer": (
        "tf.compat.v1.wrap_function",  # the only way to run a graph that TensorFlow 1 wrote
        "tf.compat.v1.GraphDef",
        "tf.compat.v1.train.import_meta_graph",
    ),
}
TF2_NAMES = [
    "tf.function",
    "tf.GradientTape",
    "tf.TensorSpec",
    "tf.TensorArray",
    "tf.Module",
    "tf.keras",
    "tf.raw_ops",
    "tf.train.Checkpoint",
    "tf.train.CheckpointManager",
    "tf.Variable",
    "tf.summary.create_file_writer",
    "tf.saved_model.save",
    "tf.saved_model.load",
    "numpy",
]


def public_names(source: str) -> list[str]:
    """Returns the public names that a file defines, in order: `train`, `Config.steps` ..."""
    names = []
    for node in ast.parse(source).body:
        names.extend(_names(node))
        if isinstance(node, ast.ClassDef):
            names.extend(f"{node.name}.{name}" for child in node.body for name in _names(child))
    return [name for name in names if not name.split(".")[-1].startswith("_")]


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return []


def order_of_names(tf1: str, tf2: str) -> list[str]:
    """Same public names in the same order, but for the exceptions above."""
    tf1_names = [name for name in public_names(tf1) if name.split(".")[-1] not in ONLY_IN_TF1]
    allowed = {**ONLY_IN_TF2, **ONLY_IN_TF2_SETTINGS}
    tf2_names = [name for name in public_names(tf2) if name.split(".")[-1] not in allowed]
    if tf1_names == tf2_names:
        return []
    missing = [f"only in tf1_style: {name}" for name in tf1_names if name not in tf2_names]
    extra = [f"only in tf2_style: {name}" for name in tf2_names if name not in tf1_names]
    return missing + extra or [f"another order: {tf1_names} against {tf2_names}"]


def settings(source: str) -> dict[str, str]:
    """Returns the source of every setting of `Config` by name, spaces and line breaks evened."""
    (config,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == "Config"
    )
    return {
        node.target.id: ast.unparse(node)
        for node in config.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def same_settings(tf1: str, tf2: str) -> list[str]:
    """Same flags, defaults and help texts, but for the exceptions above."""
    tf1_settings, tf2_settings = settings(tf1), settings(tf2)
    broken = []
    for name in dict.fromkeys([*tf1_settings, *tf2_settings]):
        if name in ONLY_IN_TF2_SETTINGS:
            continue
        expected = tf1_settings.get(name, "no such setting")
        if name in STYLE_IN_DEFAULT:
            expected = expected.replace("tf1_style", "tf2_style")
        found = tf2_settings.get(name, "no such setting")
        if expected != found:
            broken.append(f"{name}: {expected} against {found}")
    return broken


def imports(source: str, style: str) -> list[str]:
    """A style imports the standard library, NumPy, TensorFlow, `shared` and its own folder."""
    allowed = {"numpy", "tensorflow", "shared", style, "__future__"}
    allowed |= {"argparse", "copy", "dataclasses", "functools", "glob", "os", "sys", "tempfile"}
    return [
        f"imports {module}"
        for node in ast.walk(ast.parse(source))
        for module in _imported(node)
        if module.split(".")[0] not in allowed
    ]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


def foreign_names(source: str, forbidden: list[str], allowed: Sequence[str] = ()) -> list[str]:
    """Returns the forbidden names that the code uses; comments and docstrings may speak of them.

    `allowed` are whole names, such as `tf.compat.v1.wrap_function`, that do not count.
    """
    used: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and not _part_of(ast.unparse(node), allowed):
            used |= {ast.unparse(node), node.attr}
        elif isinstance(node, ast.Name):
            used.add(node.id)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            used |= {f"tf.{part}" for name in _imported(node) for part in name.split(".")[1:]}
    prefixes = {
        name for name in forbidden if any(use == name or use.startswith(name + ".") for use in used)
    }
    return sorted(prefixes)


def _part_of(name: str, allowed: Sequence[str]) -> bool:
    return any(whole == name or whole.startswith(name + ".") for whole in allowed)


def stages(source: str) -> list[str]:
    """Returns the labels of the stages, in order."""
    return [match[1] for match in map(STAGE.match, source.splitlines()) if match]


def order_of_stages(source: str) -> list[str]:
    """Every stage is there, in order."""
    found = stages(source)
    return [] if found == STAGES else [f"stages: expected {STAGES}, found {found}"]


def stage_code(source: str, stage: str) -> str:
    """Returns the code of one stage without comments and blank lines."""
    lines = source.splitlines()
    labels = [(index, match[1]) for index, line in enumerate(lines) if (match := STAGE.match(line))]
    start = next(index for index, label in labels if label == stage)
    end = min((index for index, _ in labels if index > start), default=len(lines))
    code = [re.sub(r"\s+# .*", "", line) for line in lines[start + 1 : end]]
    return "\n".join(line for line in code if line.strip() and not line.strip().startswith("#"))


def same_mathematics(tf1: str, tf2: str) -> list[str]:
    """The mathematics reads the same, letter for letter, but for what TensorFlow 2 renamed."""
    for old, new in RENAMED_IN_TF2.items():
        tf1 = tf1.replace(old, new)
    return [
        f"{stage} differs"
        for stage in MATHEMATICS
        if stage_code(tf1, stage) != stage_code(tf2, stage)
    ]


def too_long(source: str, model: str) -> list[str]:
    """A file has at most the lines that LINES allows."""
    found = len(source.splitlines())
    return [] if found <= LINES[model] else [f"{found} lines, at most {LINES[model]}"]


def late_tensorflow(source: str) -> list[str]:
    """The first call of TensorFlow stands before FIRST_TENSORFLOW_LINE."""
    lines = [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("tf.")
    ]
    return [] if min(lines) < FIRST_TENSORFLOW_LINE else [f"first tf. call in line {min(lines)}"]


def shared_names(source: str) -> list[str]:
    """A file imports at most SHARED_NAMES names from shared/."""
    names = [
        alias.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shared")
        for alias in node.names
        if alias.name != "legacy_keras"  # brings names of TensorFlow back, and has none to learn
    ]
    return [] if len(names) <= SHARED_NAMES else [f"{len(names)} names of shared: {names}"]


def lesson_share(source: str) -> float:
    """Returns the share of the lines, blank ones apart, that are the lesson.

    The lesson is the file's docstring, the imports of TensorFlow and NumPy, the class and `train`.
    Not the lesson: other imports, the flags of `Config`, and the tail that makes a program of it.
    """
    tree, lines = ast.parse(source), source.splitlines()
    lesson: set[int] = set()
    for node in tree.body:
        is_import = isinstance(node, ast.Import) and node.names[0].name in _LESSON_IMPORTS
        is_class = isinstance(node, ast.ClassDef) and node.name != "Config"
        is_text = node is tree.body[0]
        if is_import or is_class or is_text or isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            lesson |= set(range(node.lineno, node.end_lineno + 1))
    written = {number for number, line in enumerate(lines, 1) if line.strip()}
    return len(lesson & written) / len(written)


_LESSON_IMPORTS = {"numpy", "tensorflow", "tensorflow.compat.v1"}


def little_lesson(source: str) -> list[str]:
    """At least LESSON_SHARE of the lines are the lesson."""
    share = lesson_share(source)
    return [] if share >= LESSON_SHARE else [f"{share:.0%} of the lines are the lesson"]


def kept_checkpoints(source: str) -> list[int]:
    """Returns how many checkpoints each Saver or CheckpointManager of a file keeps."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    texts = [ast.unparse(call) for call in calls]
    pattern = r"tf\.train\.(?:Saver\(max_to_keep=|CheckpointManager\(.*?, .*?, )(\d+)"
    return [int(found[1]) for text in texts if (found := re.match(pattern, text))]


def differences(tf1: str, tf2: str) -> tuple[int, int]:
    """Returns the differing lines of both files together, and the hunks that they stand in."""
    matcher = difflib.SequenceMatcher(None, tf1.splitlines(), tf2.splitlines(), autojunk=False)
    hunks = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return sum(b - a + d - c for _, a, b, c, d in hunks), len(hunks)
