"""A line through points that a queue hands out, with momentum."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(3)
xs = random.normal(size=(48, 5)).astype("float32")
ys = (xs.sum(1, keepdims=True) + random.normal(size=(48, 1))).astype("float32")
example = tf.train.slice_input_producer([xs, ys], shuffle=False)
x, y = tf.train.batch(example, 8)
w = tf.get_variable("w", initializer=random.normal(size=(5, 1)).astype("float32"))
b = tf.get_variable("b", [1], initializer=tf.zeros_initializer())
loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
train = tf.train.MomentumOptimizer(0.05, 0.9).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    coordinator = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(session, coordinator)
    for _ in range(6):
        session.run(train)
    coordinator.request_stop()
    coordinator.join(threads, stop_grace_period_secs=5)
