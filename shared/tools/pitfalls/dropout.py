"""Dropout: which units a seed drops, and what dropping does to NaN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.tools.pitfalls.pitfall import Pitfall

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.tools.pitfalls.pitfall import Measured

UNITS = 24
GLOBAL_SEED = 1
MASK_SEED = (1, 2)  # in a training run: the model's seed and the step

EAGER = "units kept by tf.nn.dropout: against eager"
FUNCTION = "units kept by tf.nn.dropout: against tf.function"
MASK_EAGER = "units kept by a stateless mask: against eager"
MASK_FUNCTION = "units kept by a stateless mask: against tf.function"
MASK_XLA = "units kept by a stateless mask: against XLA"
MASK_PHILOX = "units kept by a stateless mask: against XLA, alg=philox"
MASK_CONSTANT = "units kept by a stateless mask: against XLA, philox, constant seed"
_MASKS = (MASK_EAGER, MASK_FUNCTION, MASK_XLA, MASK_PHILOX, MASK_CONSTANT)


def _kept(units: Any) -> str:
    return "".join("1" if unit else "0" for unit in units)


def _seed_tf1() -> Measured:
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(GLOBAL_SEED)
        dropped = session.run(tf.nn.dropout(tf.ones([UNITS]), rate=0.5))
        mask = session.run(tf.random.stateless_uniform([UNITS], seed=MASK_SEED) < 0.5)
    kept = {EAGER: _kept(dropped), FUNCTION: _kept(dropped)}
    kept.update(dict.fromkeys(_MASKS, _kept(mask)))
    return dict(kept)


def _seed_tf2() -> Measured:
    import tensorflow as tf

    def dropout() -> tf.Tensor:
        return tf.nn.dropout(tf.ones([UNITS]), rate=0.5)

    def mask(seed: Any) -> tf.Tensor:
        return tf.random.stateless_uniform([UNITS], seed) < 0.5

    def philox_mask(seed: Any) -> tf.Tensor:
        return tf.random.stateless_uniform([UNITS], seed, alg="philox") < 0.5

    def seeded(run: Callable[[], tf.Tensor]) -> str:
        tf.random.set_seed(GLOBAL_SEED)
        return _kept(run())

    @tf.function(jit_compile=True)
    def xla_masks(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return mask(seed), philox_mask(seed), philox_mask(MASK_SEED)

    seed = tf.constant(MASK_SEED)
    xla, xla_philox, xla_constant = xla_masks(seed)
    return {
        EAGER: seeded(dropout),
        FUNCTION: seeded(tf.function(dropout)),
        MASK_EAGER: _kept(mask(seed)),
        MASK_FUNCTION: _kept(tf.function(mask)(seed)),
        MASK_XLA: _kept(xla),
        MASK_PHILOX: _kept(xla_philox),
        MASK_CONSTANT: _kept(xla_constant),
    }


def _seed_instead() -> Measured:
    import tensorflow as tf

    def keep_mask(units: int, seed: int, step: int) -> tf.Tensor:
        return tf.random.stateless_uniform([units], seed=[seed, step]) < 0.5

    def dropout(hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return hidden * tf.cast(mask, hidden.dtype) / 0.5

    hidden = tf.ones([24])
    mask = keep_mask(24, seed=1, step=2)  # made outside of XLA, and fed
    dropped = tf.function(dropout, jit_compile=True)(hidden, mask)
    # measured
    return dict.fromkeys(_MASKS, _kept(dropped))


SEED = Pitfall(
    name="dropout-seed",
    title="The same seed gives tf.nn.dropout another mask in eager mode; XLA gives another still",
    what="Two runs with one seed train differently, and no comparison of their losses means "
    "anything. A Session and a tf.function agree, until one of them has a random operation more.",
    why="With a global seed only, an operation's own seed is its number among the random "
    "operations of its graph (in TensorFlow 1.15: among all operations), but in eager mode a draw "
    "from a generator. Stateless operations take their whole seed as an argument and agree "
    "everywhere but under XLA, which derives other numbers from it on the CPU: with the default "
    "algorithm always, with alg='philox' when the seed is not a constant.",
    sources=(
        "https://tensorflow.org/api_docs/python/tf/random/set_seed",
        "https://github.com/tensorflow/tensorflow/issues/121243",
        "https://github.com/tensorflow/tensorflow/issues/117644",
        "tensorflow/python/framework/random_seed.py",
    ),
    tf1=_seed_tf1,
    tf2=_seed_tf2,
    instead=_seed_instead,
)

NAN_UNITS = 64
NAN_KEPT = "NaN left by dropout of 64 units that are all NaN, rate 1/2"


def _nan_tf1() -> Measured:
    import numpy as np
    import tensorflow.compat.v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(GLOBAL_SEED)
        hidden = tf.constant(np.full(NAN_UNITS, np.nan, np.float32))
        dropped = session.run(tf.nn.dropout(hidden, rate=0.5, seed=0))
    return {NAN_KEPT: int(np.isnan(dropped).sum())}


def _nan_tf2() -> Measured:
    import numpy as np
    import tensorflow as tf

    tf.random.set_seed(GLOBAL_SEED)
    hidden = tf.constant(np.full(NAN_UNITS, np.nan, np.float32))
    dropped = tf.nn.dropout(hidden, rate=0.5, seed=0).numpy()
    return {NAN_KEPT: int(np.isnan(dropped).sum())}


def _nan_instead() -> Measured:
    import tensorflow as tf

    def dropout(hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        return hidden * tf.cast(mask, hidden.dtype) / 0.5  # NaN * 0 is NaN

    hidden = tf.fill([64], float("nan"))
    mask = tf.random.stateless_uniform([64], seed=[1, 2]) < 0.5
    dropped = dropout(hidden, mask)
    # measured
    return {NAN_KEPT: int(tf.math.count_nonzero(tf.math.is_nan(dropped)))}


NAN = Pitfall(
    name="dropout-nan",
    title="Dropout of NaN is NaN in TensorFlow 1.15, and 0 where it drops in 2.x",
    what="A layer that has gone NaN shows it less: about half of what should be NaN is 0. A check "
    "for NaN behind a dropout may pass by chance. Infinity is the same.",
    why="TensorFlow 1.15 multiplies by a mask of ones and zeros, and NaN * 0 is NaN. TensorFlow 2 "
    "selects between the value and 0; its compat.v1 does too.",
    sources=(
        "tensorflow/python/ops/nn_ops.py, _dropout: array_ops.where_v2",
        "TensorFlow 1.15: tensorflow_core/python/ops/nn_ops.py, dropout_v2: x * scale * mask",
    ),
    tf1=_nan_tf1,
    tf2=_nan_tf2,
    instead=_nan_instead,
    only_tf115=True,
)
