import tensorflow as tf


def keep_mask(units, seed, step):
    return tf.random.stateless_uniform([units], seed=[seed, step]) < 0.5


@tf.function(jit_compile=True)
def dropout(hidden, mask):
    return hidden * tf.cast(mask, hidden.dtype) / 0.5


mask = keep_mask(24, seed=1, step=2)  # made outside of XLA, and fed
dropped = dropout(tf.ones([24]), mask)
kept = "".join("1" if unit else "0" for unit in dropped)

results = {
    "units kept by a stateless mask: against eager": kept,
    "units kept by a stateless mask: against tf.function": kept,
    "units kept by a stateless mask: against XLA": kept,
    "units kept by a stateless mask: against XLA, alg=philox": kept,
    "units kept by a stateless mask: against XLA, philox, a constant": kept,
}
