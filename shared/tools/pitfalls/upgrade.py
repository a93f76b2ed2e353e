"""What the migration tools and guides leave to the reader."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

SCRIPT_RESULT = "result of a placeholder script that doubles 21"
SCRIPT = """\
import tensorflow as tf

x = tf.placeholder(tf.float32, [])
y = x * 2.0
with tf.Session() as session:
    doubled = session.run(y, {x: 21.0})
"""


def _converter_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    names: dict[str, Any] = {}
    with tf.Graph().as_default():  # under TensorFlow 2 that is what makes it a TF1 program
        exec(SCRIPT.replace("import tensorflow as", "import tensorflow.compat.v1 as"), names)
    return {SCRIPT_RESULT: float(names["doubled"])}


def converted(script: str) -> str:
    """What the installed `tf_upgrade_v2` makes of a script, with its default settings."""
    from tensorflow.tools.compatibility import ast_edits, tf_upgrade_v2

    upgrader = ast_edits.ASTCodeUpgrader(tf_upgrade_v2.TFAPIChangeSpec(import_rename=False))
    output = io.StringIO()
    with contextlib.redirect_stdout(None):  # it reports each symbol that it renamed
        upgrader.process_opened_file("script.py", io.StringIO(script), "script.py", output)
    return output.getvalue()


def _converter_tf2() -> Measured:
    names: dict[str, Any] = {}
    try:
        exec(converted(SCRIPT), names)
    except RuntimeError as error:
        return {SCRIPT_RESULT: f"RuntimeError: {error}"}
    return {SCRIPT_RESULT: float(names["doubled"])}


def _converter_instead() -> Measured:
    import tensorflow as tf

    @tf.function
    def double(x: tf.Tensor) -> tf.Tensor:  # the placeholder is now an argument,
        return x * 2.0

    doubled = double(tf.constant(21.0))  # and the feed is what it is called with
    # measured
    return {SCRIPT_RESULT: float(doubled)}


CONVERTER = Pitfall(
    name="upgrade-script",
    title="tf_upgrade_v2 renames symbols: a placeholder script then stops at its first placeholder",
    what="The converter reports no issue that requires attention, and its output raises as soon "
    "as it is run.",
    why="tf.placeholder becomes tf.compat.v1.placeholder, but nothing opens a graph around it. "
    "The line `with tf.Graph().as_default():` does, as a first step; the aim is a tf.function.",
    sources=(
        "https://tensorflow.org/guide/upgrade",
        "https://github.com/tensorflow/tensorflow/issues/18165",
        "tensorflow/tools/compatibility/tf_upgrade_v2.py",
    ),
    tf1=_converter_tf1,
    tf2=_converter_tf2,
    instead=_converter_instead,
)

DENSE = "layers.dense of 3, kernel 2, bias 1"
# Below tensorflow.compat.v1, where TF1 code looks; TF2 code may find them below tensorflow too.
GUIDE_NAMES = (
    "keras.utils.track_tf1_style_variables",
    "keras.utils.DeterministicRandomTestTool",
    "estimator.Estimator",
)


def _dense(tf: Any) -> float | str:
    try:
        with tf.Graph().as_default(), tf.Session() as session:
            output = tf.layers.dense(
                tf.constant([[3.0]]),
                1,
                kernel_initializer=tf.constant_initializer(2.0),
                bias_initializer=tf.constant_initializer(1.0),
            )
            session.run(tf.global_variables_initializer())
            return float(session.run(output)[0, 0])
    except AttributeError as error:
        return f"AttributeError: {error}"


def _found(module: Any, name: str) -> bool:
    for part in name.split("."):
        try:
            module = getattr(module, part)
        except (AttributeError, ImportError):
            return False
    return True


def _removed_names_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    found: Measured = {name + " found": _found(tf, name) for name in GUIDE_NAMES}
    return {DENSE: _dense(tf), **found}


def _removed_names_tf2() -> Measured:
    import tensorflow as tf

    found: Measured = {
        name + " found": _found(tf, name) or _found(tf.compat.v1, name) for name in GUIDE_NAMES
    }
    return {DENSE: _dense(tf.compat.v1), **found}


def _removed_names_instead() -> Measured:
    import tensorflow as tf

    kernel, bias = tf.Variable([[2.0]]), tf.Variable([1.0])
    output = tf.matmul(tf.constant([[3.0]]), kernel) + bias
    # measured
    return {DENSE: float(output[0, 0])}


REMOVED_NAMES = Pitfall(
    name="removed-names",
    title="compat.v1.layers and the guides' helpers need legacy Keras; estimators are gone",
    what="Code that follows TensorFlow's own migration guides stops with an AttributeError: "
    "compat.v1.layers.dense, tf.estimator, and the two helpers for TensorFlow 2, "
    "track_tf1_style_variables and DeterministicRandomTestTool. With the package tf_keras and "
    "TF_USE_LEGACY_KERAS=1, set for the whole process before TensorFlow is imported, the layers "
    "and the helpers are there again; tf.estimator and tf.contrib are not.",
    why="TensorFlow 2.16 made Keras 3 its Keras and removed tf.estimator; the layers and the "
    "helpers belonged to Keras 2, which is now the separate package tf_keras.",
    sources=(
        "https://tensorflow.org/guide/migrate/validate_correctness",
        "https://github.com/tensorflow/tensorflow/releases/tag/v2.16.1",
        "tensorflow/python/util/lazy_loader.py",
    ),
    tf1=_removed_names_tf1,
    tf2=_removed_names_tf2,
    instead=_removed_names_instead,
    only_tf115=True,
)
