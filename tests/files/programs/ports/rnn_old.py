"""An LSTM over sequences, its gradients clipped by their global norm."""

import numpy as np
import tensorflow as tf

random = np.random.RandomState(5)
x = tf.placeholder(tf.float32, [8, 5, 3], name="x")
y = tf.placeholder(tf.int64, [8], name="y")
with tf.variable_scope("rnn", initializer=tf.constant_initializer(0.0)):
    cell = tf.nn.rnn_cell.LSTMCell(4, forget_bias=1.0)
    outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
kernel, bias = tf.trainable_variables()
w = tf.get_variable("w", initializer=random.normal(0, 0.5, (4, 3)).astype("float32"))
start = tf.assign(kernel, random.normal(0, 0.5, (7, 16)).astype("float32"))
logits = tf.matmul(outputs[:, -1], w)
each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
loss = tf.reduce_mean(each)
variables = tf.trainable_variables()
gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 0.2)
train = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(gradients, variables))
with tf.Session() as session:
    session.run(tf.global_variables_initializer())
    session.run(start)
    for _ in range(5):
        session.run(train, {x: random.normal(size=(8, 5, 3)), y: random.randint(0, 3, 8)})
