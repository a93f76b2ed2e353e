"""Thirty steps of a line through points: a Session, or a tape where TensorFlow is asked for it.

With the argument `eager` it trains in TensorFlow 2's way.
"""

import sys

import numpy as np
import tensorflow as tf

points = np.random.RandomState(0).rand(30, 4, 3).astype("float32")
if sys.argv[1:] == ["eager"]:
    w = tf.Variable(np.ones((3, 1), "float32"), name="w")
    optimizer = tf.keras.optimizers.Adam(0.1)
    for x in points:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
        optimizer.apply_gradients([(tape.gradient(loss, w), w)])
        print(repr(loss.numpy()))
else:
    fed = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
    loss = tf.reduce_mean(tf.square(tf.matmul(fed, w)))
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for x in points:
            print(repr(session.run([loss, train], {fed: x})[0]))
