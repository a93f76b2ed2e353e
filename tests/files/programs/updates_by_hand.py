"""An update by hand and a sparse Adam, in an InteractiveSession; it ends in an error."""

import numpy as np
import tensorflow as tf

w = tf.Variable(np.ones((3, 1), "float32"), name="w")
e = tf.Variable(np.ones((5, 3), "float32"), name="e")
ids = tf.placeholder(tf.int32, [None], name="ids")
loss = tf.reduce_mean(tf.square(tf.matmul(tf.nn.embedding_lookup(e, ids), w) - 1))
by_hand = w.assign_sub(0.1 * tf.gradients(loss, w)[0])
sparse = tf.train.AdamOptimizer(0.1).minimize(loss, var_list=[e])
session = tf.InteractiveSession()
session.run(tf.global_variables_initializer())
for _ in range(3):
    session.run(by_hand, {ids: [0, 0, 3]})
    session.run(sparse, {ids: [1, 1, 2]})
    print(repr(loss.eval({ids: [1, 0, 2]})))
raise ValueError("an error of the program's own")
