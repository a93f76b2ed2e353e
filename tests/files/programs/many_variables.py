"""Forty variables, two of one initial tensor, one never initialized; prints its number of runs."""

import tensorflow as tf
from tensorflow.python.client import session as client

runs = []
plain = client.BaseSession._do_run


def counted(*arguments):
    runs.append(1)
    return plain(*arguments)


client.BaseSession._do_run = counted
start = tf.constant([1.0, 2.0])
variables = [
    tf.get_variable(f"v{i}", initializer=start if i < 2 else [float(i), 0.0]) for i in range(40)
]
never = tf.get_variable("never", initializer=[0.0])
loss = tf.add_n([tf.reduce_sum(v**2) for v in variables]) / 2
train = tf.train.GradientDescentOptimizer(0.5).minimize(loss, var_list=variables)
with tf.Session() as session:
    session.run([v.initializer for v in variables])
    session.run(train)
print(len(runs))
