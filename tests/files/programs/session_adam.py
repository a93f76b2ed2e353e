"""Softmax regression with dropout, a summary of nothing but TensorFlow 1: Session and Adam."""

import numpy as np

try:
    import tensorflow.compat.v1 as tf
except ImportError:
    import tensorflow as tf

tf.disable_eager_execution() if hasattr(tf, "disable_eager_execution") else None
tf.set_random_seed(3)
random = np.random.RandomState(0)
x = tf.placeholder(tf.float32, [None, 5], name="x")
y = tf.placeholder(tf.int32, [None], name="y")
w = tf.get_variable("w", [5, 3])
b = tf.get_variable("b", [3], initializer=tf.zeros_initializer())
kept = x * tf.floor(0.8 + tf.random_uniform(tf.shape(x)))
logits = tf.matmul(kept, w) + b
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
train = tf.train.AdamOptimizer(0.05).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for step in range(8):
        feeds = {x: random.rand(4, 5), y: random.randint(0, 3, 4)}
        _, value = session.run([train, loss], feeds)
        print(step, repr(value))
    print(repr(session.run(w)))
