import numpy as np
import tensorflow.compat.v1 as tf

batch = np.linspace(-1, 1, 12, dtype=np.float32).reshape([2, 3, 2])

with tf.Graph().as_default():
    sequences = tf.placeholder(tf.float32, [None, 3, 2])
    ones = tf.constant_initializer(0.5)
    cell = tf.nn.rnn_cell.LSTMCell(4, initializer=ones)
    outputs, state = tf.nn.dynamic_rnn(
        cell, sequences, sequence_length=[3, 2], dtype=tf.float32
    )
    normalized = tf.layers.batch_normalization(state.h, training=True)
    logits = tf.layers.dense(normalized, 1, kernel_initializer=ones)
    updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        last, *_ = session.run([outputs, logits, updates], {sequences: batch})
        means = session.run(tf.global_variables()[4])
        names = [variable.op.name for variable in tf.global_variables()]

results = {"outputs": last[:, -1, 0], "moving mean": means[0], "variables": names}
