"""Layers: what batch normalization averages, and how initial values spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from shared.tools.pitfalls.pitfall import Measured

MOVING_VARIANCE = "moving variance after a batch of 1 2 3 4, momentum 0"
_BATCH = [1.0, 2.0, 3.0, 4.0]


def _batch_normalization_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.reshape(tf.constant(_BATCH), [4, 1, 1, 1])
        if tf.__version__.startswith("1."):
            tf.layers.batch_normalization(images, momentum=0.0, training=True)
            session.run(tf.global_variables_initializer())
            session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
            variables = {variable.op.name: variable for variable in tf.global_variables()}
            variance = variables["batch_normalization/moving_variance"]
        else:  # the layer is gone; the kernel that it used is there
            _, _, variance = tf.nn.fused_batch_norm(images, scale=[1.0], offset=[0.0])
        return {MOVING_VARIANCE: float(session.run(variance)[0])}


def _batch_normalization_tf2() -> Measured:
    import tensorflow as tf

    layer = tf.keras.layers.BatchNormalization(momentum=0.0)
    layer(tf.reshape(tf.constant(_BATCH), [4, 1, 1, 1]), training=True)
    return {MOVING_VARIANCE: float(layer.moving_variance[0])}


def _batch_normalization_instead() -> Measured:
    import tensorflow as tf

    def batch_normalization(
        images: tf.Tensor,
        scale: tf.Tensor,
        offset: tf.Tensor,
        moving_mean: tf.Variable,
        moving_variance: tf.Variable,
        momentum: float,
    ) -> tf.Tensor:
        normalized, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=images,  # the kernel of TF1's layer
            scale=scale,
            offset=offset,
            mean=moving_mean,
            variance=moving_variance,
            epsilon=0.001,
            exponential_avg_factor=1.0,
            is_training=True,
        )
        moving_mean.assign_sub((1 - momentum) * (moving_mean - mean))
        moving_variance.assign_sub((1 - momentum) * (moving_variance - variance))
        return normalized

    # measured
    mean, variance = tf.Variable([0.0]), tf.Variable([1.0])
    images = tf.reshape(tf.constant(_BATCH), [4, 1, 1, 1])
    batch_normalization(images, tf.ones([1]), tf.zeros([1]), mean, variance, momentum=0.0)
    return {MOVING_VARIANCE: float(variance[0])}


BATCH_NORMALIZATION = Pitfall(
    name="batch-norm-variance",
    title="Batch normalization averages N/(N-1) times the batch's variance in TF1, not in Keras 3",
    what="Training agrees, evaluation does not: the moving variance is smaller by (N-1)/N, N being "
    "the numbers per channel in a batch. Small batches of small images show it most.",
    why="The fused kernel, which TF1's layer uses for images, hands out the unbiased variance "
    "(divided by N-1) for the moving average. Keras 3 averages the one it normalizes with "
    "(divided by N).",
    sources=(
        "https://github.com/tensorflow/tensorflow/issues/55545",
        "https://github.com/keras-team/keras/pull/9028",
        "keras/src/layers/normalization/batch_normalization.py",
    ),
    tf1=_batch_normalization_tf1,
    tf2=_batch_normalization_tf2,
    instead=_batch_normalization_instead,
)

DRAWS = 10_000
NORMAL = "standard deviation of random_normal_initializer()"
TRUNCATED = "standard deviation of the truncated normal initializer"


def _initializers_tf1() -> Measured:
    import numpy as np
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        normal = session.run(tf.random_normal_initializer(seed=1)([DRAWS]))
        truncated = session.run(tf.truncated_normal_initializer(seed=1)([DRAWS]))
    return {NORMAL: float(np.std(normal)), TRUNCATED: float(np.std(truncated))}


def _initializers_tf2() -> Measured:
    import numpy as np
    import tensorflow as tf

    normal = tf.random_normal_initializer(seed=1)([DRAWS])
    truncated = tf.keras.initializers.TruncatedNormal(seed=1)([DRAWS])
    return {NORMAL: float(np.std(normal)), TRUNCATED: float(np.std(truncated))}


def _initializers_instead() -> Measured:
    import numpy as np
    import tensorflow as tf

    normal = tf.random_normal_initializer(stddev=1.0, seed=1)
    truncated = tf.keras.initializers.TruncatedNormal(stddev=1.0, seed=1)
    # measured
    return {
        NORMAL: float(np.std(normal([DRAWS]))),
        TRUNCATED: float(np.std(truncated([DRAWS]))),
    }


INITIALIZERS = Pitfall(
    name="initializer-stddev",
    title="random_normal_initializer() spreads by 1.0 in TF1 and by 0.05 in TF2",
    what="Initial weights are 20 times smaller. The name is the same, so that nothing warns. (The "
    "numbers drawn are others anyway, even with one seed and one spread: feed initial values.)",
    why="The default of `stddev` was changed from 1.0 to Keras's 0.05.",
    sources=(
        "https://tensorflow.org/api_docs/python/tf/compat/v1/random_normal_initializer",
        "https://tensorflow.org/api_docs/python/tf/compat/v1/truncated_normal_initializer",
    ),
    tf1=_initializers_tf1,
    tf2=_initializers_tf2,
    instead=_initializers_instead,
)
