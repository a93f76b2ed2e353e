"""Gradient descent on a square, whose rate comes from beside it; raises after its steps if told."""

import sys

import tensorflow as tf

from . import settings

w = tf.get_variable("w", initializer=[3.0], use_resource=True)  # else the loss may be read late
loss = tf.reduce_sum(tf.square(w))
train = tf.train.GradientDescentOptimizer(settings.RATE).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        print(session.run([loss, train])[0])
print(__name__, sys.argv[1:], sys.modules["__main__"].w is w)
if "raise" in sys.argv:
    raise ValueError("an error of the module's own")
