"""Cross-entropy: what it differentiates, and where it turns NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

LABEL_GRADIENT_OF = "gradient of a weight 1 that scales labels and logits"


def _label_gradient_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        weight = tf.constant(1.0)
        labels, logits = weight * [[0.0, 1.0]], weight * [[2.0, 0.0]]
        loss = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        return {LABEL_GRADIENT_OF: float(session.run(tf.gradients(loss, weight)[0]))}


def _label_gradient_tf2() -> Measured:
    import tensorflow as tf

    weight = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        labels, logits = weight * [[0.0, 1.0]], weight * [[2.0, 0.0]]
        loss = tf.nn.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return {LABEL_GRADIENT_OF: float(tape.gradient(loss, weight))}


def _label_gradient_instead() -> Measured:
    import tensorflow as tf

    weight = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        labels, logits = weight * [[0.0, 1.0]], weight * [[2.0, 0.0]]
        loss = tf.nn.softmax_cross_entropy_with_logits(
            labels=tf.stop_gradient(labels), logits=logits
        )
    # measured
    return {LABEL_GRADIENT_OF: float(tape.gradient(loss, weight))}


LABEL_GRADIENT = Pitfall(
    name="label-gradient",
    title="softmax_cross_entropy_with_logits stops the gradient at the labels in TF1 only",
    what="Where the labels are computed (distillation, label smoothing with a learned part, "
    "mixup) the TF2 function trains what computes them, too. Fed labels are not concerned.",
    why="tf.nn.softmax_cross_entropy_with_logits of TF2 is what TF1 called ..._v2. The old one "
    "wraps its labels in stop_gradient.",
    sources=("tensorflow/python/ops/nn_ops.py, softmax_cross_entropy_with_logits",),
    tf1=_label_gradient_tf1,
    tf2=_label_gradient_tf2,
    instead=_label_gradient_instead,
)

ALONE_EAGER = "loss alone: against eager"
ALONE_FUNCTION = "loss alone: against tf.function"
ALONE_XLA = "loss alone: against XLA"
TRAINING = "loss fetched with its gradient: against tf.function"
_LABELS = [[1.0, 0.0]]
_LOGITS = [[200.0, 0.0]]  # softmax gives 1 and 0: right, and as sure as float32 can be


def _naive_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        logits = tf.placeholder(tf.float32, [1, 2])
        loss = -tf.reduce_sum(_LABELS * tf.math.log(tf.nn.softmax(logits)))
        gradient = tf.gradients(loss, logits)[0]
        alone = _number(session.run(loss, {logits: _LOGITS}))
        training = _number(session.run([loss, gradient], {logits: _LOGITS})[0])
    return {ALONE_EAGER: alone, ALONE_FUNCTION: alone, ALONE_XLA: alone, TRAINING: training}


def _number(loss: Any) -> float:
    return float(loss) + 0.0  # -0.0, which the minus sign makes, becomes 0.0


def _naive_tf2() -> Measured:
    import tensorflow as tf

    def loss(logits: Any) -> tf.Tensor:
        return -tf.reduce_sum(_LABELS * tf.math.log(tf.nn.softmax(logits)))

    return _in_each_runtime(loss)


def _in_each_runtime(loss: Any) -> Measured:
    import tensorflow as tf

    @tf.function
    def training(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(logits)
        return value, tape.gradient(value, logits)

    logits = tf.constant(_LOGITS)
    return {
        ALONE_EAGER: _number(loss(logits)),
        ALONE_FUNCTION: _number(tf.function(loss)(logits)),
        ALONE_XLA: _number(tf.function(loss, jit_compile=True)(logits)),
        TRAINING: _number(training(logits)[0]),
    }


def _naive_instead() -> Measured:
    import tensorflow as tf

    labels = tf.constant([[1.0, 0.0]])

    def loss(logits: tf.Tensor) -> tf.Tensor:
        losses = tf.nn.softmax_cross_entropy_with_logits(
            labels=labels,
            logits=logits,
        )
        return tf.reduce_sum(losses)

    # measured
    return _in_each_runtime(loss)


NAIVE = Pitfall(
    name="naive-cross-entropy",
    title="-sum(y*log(softmax)) is NaN in some runtimes and hidden by the graph in others",
    what="A loss that never was NaN in TF1 is NaN in eager mode; or the evaluation is fine and the "
    "training step, with the same numbers, is NaN.",
    why="Where softmax underflows to 0, 0 * log(0) is NaN. TensorFlow's graph "
    "optimizer rewrites log(softmax(x)) to log_softmax(x), which is finite, in a Session and in a "
    "tf.function alike; not where the gradient is fetched too, not in eager mode, not under XLA.",
    sources=("https://github.com/tensorflow/tensorflow/pull/25455",),
    tf1=_naive_tf1,
    tf2=_naive_tf2,
    instead=_naive_instead,
)
