"""Softmax regression by feeds, with a staircase of learning rates."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(1)
x = tf.placeholder(tf.float32, [None, 6], name="x")
y = tf.placeholder(tf.int64, [None], name="y")
w = tf.Variable(random.normal(0, 0.5, (6, 4)).astype("float32"), name="w")
b = tf.Variable(tf.zeros([4]), name="b")
logits = tf.matmul(x, w) + b
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
step = tf.train.get_or_create_global_step()
rate = tf.train.exponential_decay(0.5, step, 2, 0.8, staircase=True)
train = tf.train.GradientDescentOptimizer(rate).minimize(loss, step)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(6):
        feeds = {x: random.normal(size=(16, 6)), y: random.randint(0, 4, 16)}
        session.run(train, feeds)
