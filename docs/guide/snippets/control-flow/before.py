import tensorflow.compat.v1 as tf


def collatz_steps(start):
    """How often n is halved, or replaced by 3n + 1, until it is 1."""

    def body(n, steps):
        n = tf.cond(tf.equal(n % 2, 0), lambda: n // 2, lambda: 3 * n + 1)
        return n, steps + 1

    _, steps = tf.while_loop(lambda n, steps: n > 1, body, [start, 0])
    return steps


with tf.Graph().as_default():
    start = tf.placeholder(tf.int32, [])
    steps = collatz_steps(start)
    with tf.Session() as session:
        results = {"steps": [session.run(steps, {start: n}) for n in (1, 6, 27)]}
