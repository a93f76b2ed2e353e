"""Batch normalization and the update operations that move its averages."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(6)
x = tf.placeholder(tf.float32, [None, 6], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
w1 = tf.get_variable("w1", initializer=random.normal(0, 0.5, (6, 8)).astype("float32"))
w2 = tf.get_variable("w2", initializer=random.normal(0, 0.5, (8, 1)).astype("float32"))
normal = tf.layers.batch_normalization(tf.matmul(x, w1), momentum=0.9, training=True, name="bn")
loss = tf.reduce_mean(tf.square(tf.matmul(tf.nn.relu(normal), w2) - y))
with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
    train = tf.train.MomentumOptimizer(0.02, 0.9).minimize(loss)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for _ in range(5):
        batch = random.normal(size=(16, 6))
        session.run(train, {x: batch, y: batch.sum(1, keepdims=True)})
