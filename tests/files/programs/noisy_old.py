"""Softmax regression with a hidden layer and two dropouts, another start and batch in each run."""

import numpy as np

try:
    import tensorflow.compat.v1 as tf
except ImportError:
    import tensorflow as tf

if hasattr(tf, "disable_eager_execution"):
    tf.disable_eager_execution()
x = tf.placeholder(tf.float32, [None, 6], name="x")
y = tf.placeholder(tf.int32, [None], name="y")
keep = tf.placeholder_with_default(1.0, [], name="keep")
w1 = tf.get_variable("w1", [6, 8])
b1 = tf.get_variable("b1", [8], initializer=tf.zeros_initializer())
w2 = tf.get_variable("w2", [8, 3])
b2 = tf.get_variable("b2", [3], initializer=tf.zeros_initializer())
hidden = tf.nn.relu(tf.matmul(tf.nn.dropout(x, keep), w1) + b1)
logits = tf.matmul(tf.nn.dropout(hidden, keep), w2) + b2
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
train = tf.train.AdamOptimizer(0.01).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(10):
        feeds = {x: np.random.rand(16, 6), y: np.random.randint(0, 3, 16), keep: 0.8}
        session.run(train, feeds)
