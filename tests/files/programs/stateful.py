"""A graph that no run leaves as it was: tf.data, dropout, the averages of a batch normalization.

With the argument `two` it fetches loss and gradient in a run of their own, as programs that are
recorded by hand do, and writes what it saw to the file named by the second argument.
"""

import sys

import numpy as np

try:
    import tensorflow.compat.v1 as tf
except ImportError:
    import tensorflow as tf

tf.disable_eager_execution()
tf.set_random_seed(1)
data = tf.data.Dataset.range(1, 100).map(lambda i: tf.cast(i, tf.float32) * tf.ones([4, 3]))
x = tf.data.make_one_shot_iterator(data).get_next()
average = tf.get_variable("average", [3], initializer=tf.zeros_initializer(), trainable=False)
moved = tf.assign(average, 0.9 * average + 0.1 * tf.reduce_mean(x, 0))
with tf.control_dependencies([moved]):
    h = x + average
w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
loss = tf.reduce_mean(tf.matmul(tf.nn.dropout(h, rate=0.5, seed=2), w))
optimizer = tf.train.GradientDescentOptimizer(0.5)
pairs = optimizer.compute_gradients(loss, [w])
train = optimizer.apply_gradients(pairs)
seen = []
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        before = session.run(w)
        if sys.argv[1:]:
            batch, value, gradient = session.run([x, loss, pairs[0][0]])
            session.run(train)
            seen.append([batch[0, 0], value, gradient, before, session.run(w)])
        else:
            print(repr(session.run([train, loss])[1]))
if seen:
    batches, losses, gradients, before, after = zip(*seen)
    np.savez(
        sys.argv[2], batch=batches, loss=losses, gradient=gradients, before=before, after=after
    )
