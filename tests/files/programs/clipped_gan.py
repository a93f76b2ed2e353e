"""A Wasserstein GAN: two optimizers, weights clipped by assignment, an update by hand."""

import numpy as np
import tensorflow as tf

x = tf.placeholder(tf.float32, [None, 3], name="x")
d = tf.get_variable("d", [3, 1], initializer=tf.constant_initializer(0.02))
g = tf.get_variable("g", [3, 3], initializer=tf.ones_initializer())
real, fake = tf.reduce_mean(tf.matmul(x, d)), tf.reduce_mean(tf.matmul(tf.matmul(x, g), d))
d_loss, g_loss = tf.subtract(fake, real, name="d_loss"), tf.negative(fake, name="g_loss")
with tf.variable_scope("training"):
    d_train = tf.train.RMSPropOptimizer(0.01).minimize(d_loss, var_list=[d])
    g_train = tf.train.GradientDescentOptimizer(0.1).minimize(g_loss, var_list=[g])
by_hand = tf.assign_sub(g, 0.1 * tf.gradients(g_loss, g)[0])
clip = d.assign(tf.clip_by_value(d, -0.01, 0.01))
decay = g.assign(0.99 * g)
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    for step in range(2):
        batch = np.random.RandomState(step).rand(4, 3)
        print(repr(session.run([d_train, d_loss], {x: batch})[1]))
        session.run([clip])
        session.run(decay)
        print(repr(session.run([by_hand, g_loss], {x: batch})[1]))
    print(repr(session.run([d_train, g_train, d_loss, g_loss], {x: batch})[2:]))
