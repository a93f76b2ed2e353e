import tensorflow as tf


def kept(units):
    return "".join("1" if unit else "0" for unit in units)


def dropout():
    return tf.nn.dropout(tf.ones([24]), rate=0.5)


def mask(seed, alg="auto_select"):
    return tf.random.stateless_uniform([24], seed, alg=alg) < 0.5


def seeded(run):
    tf.random.set_seed(1)
    return kept(run())


@tf.function(jit_compile=True)
def xla_masks(seed):
    return mask(seed), mask(seed, "philox"), mask([1, 2], "philox")


seed = tf.constant([1, 2])
function = kept(tf.function(mask)(seed))
xla, xla_philox, xla_constant = map(kept, xla_masks(seed))

results = {
    "units kept by tf.nn.dropout: against eager": seeded(dropout),
    "units kept by tf.nn.dropout: against tf.function": seeded(
        tf.function(dropout)
    ),
    "units kept by a stateless mask: against eager": kept(mask(seed)),
    "units kept by a stateless mask: against tf.function": function,
    "units kept by a stateless mask: against XLA": xla,
    "units kept by a stateless mask: against XLA, alg=philox": xla_philox,
    "units kept by a stateless mask: against XLA, philox, a constant": (
        xla_constant
    ),
}
