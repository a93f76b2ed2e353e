import tensorflow.compat.v1 as tf


def kept(units):
    return "".join("1" if unit else "0" for unit in units)


with tf.Graph().as_default(), tf.Session() as session:
    tf.set_random_seed(1)
    dropped = kept(session.run(tf.nn.dropout(tf.ones([24]), rate=0.5)))
    # The model's seed and the step, as a training run gives them.
    mask = kept(
        session.run(tf.random.stateless_uniform([24], seed=[1, 2]) < 0.5)
    )

results = {
    "units kept by tf.nn.dropout: against eager": dropped,
    "units kept by tf.nn.dropout: against tf.function": dropped,
    "units kept by a stateless mask: against eager": mask,
    "units kept by a stateless mask: against tf.function": mask,
    "units kept by a stateless mask: against XLA": mask,
    "units kept by a stateless mask: against XLA, alg=philox": mask,
    "units kept by a stateless mask: against XLA, philox, a constant": mask,
}
