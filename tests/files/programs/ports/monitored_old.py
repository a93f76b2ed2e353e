"""A MonitoredTrainingSession with a hook that ends it, and RMSProp."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(7)
x = tf.placeholder(tf.float32, [None, 5], name="x")
y = tf.placeholder(tf.float32, [None, 2], name="y")
w = tf.get_variable("w", initializer=random.normal(size=(5, 2)).astype("float32"))
b = tf.get_variable("b", [2], initializer=tf.zeros_initializer())
step = tf.train.get_or_create_global_step()
loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w) + b) - y)) / 2
train = tf.train.RMSPropOptimizer(0.01, decay=0.9, epsilon=1e-10).minimize(loss, step)
with tf.train.MonitoredTrainingSession(hooks=[tf.train.StopAtStepHook(6)]) as session:
    while not session.should_stop():
        batch = random.uniform(-1, 1, (8, 5))
        session.run(train, {x: batch, y: batch[:, :2]})
