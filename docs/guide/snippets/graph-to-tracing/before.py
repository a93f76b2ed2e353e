import numpy as np
import tensorflow.compat.v1 as tf

runs_of_python = []


def forward(x):
    runs_of_python.append(1)  # Python runs while the graph is built
    return tf.square(x) + 1


with tf.Graph().as_default():
    x = tf.placeholder(tf.float32, [None])
    y = forward(x)
    with tf.Session() as session:
        outputs = [session.run(y, {x: np.full([size], 3.0)})[0] for size in (1, 2, 3)]

results = {"outputs": outputs, "runs of Python": len(runs_of_python)}
