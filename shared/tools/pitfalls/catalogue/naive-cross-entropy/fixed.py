import tensorflow as tf


def loss(logits):
    losses = tf.nn.softmax_cross_entropy_with_logits(
        labels=[[1.0, 0.0]],
        logits=logits,
    )
    return tf.reduce_sum(losses)


@tf.function
def train(logits):
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits)
    return value, tape.gradient(value, logits)


# The softmax is 1 and 0: right, and as sure as float32 can be.
logits = tf.constant([[200.0, 0.0]])
results = {
    "loss alone: against eager": abs(loss(logits)),
    "loss alone: against tf.function": abs(tf.function(loss)(logits)),
    "loss alone: against XLA": abs(
        tf.function(loss, jit_compile=True)(logits)
    ),
    "loss fetched with its gradient: against tf.function": abs(
        train(logits)[0]
    ),
}
