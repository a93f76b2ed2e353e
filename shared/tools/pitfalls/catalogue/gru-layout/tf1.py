import numpy as np
import tensorflow.compat.v1 as tf

GATES = np.linspace(-1.0, 1.0, 12).reshape([3, 4])  # r, u; 2 units, 1 input
CANDIDATE = np.linspace(1.0, -1.0, 6).reshape([3, 2])

with tf.Graph().as_default(), tf.Session() as session:
    inputs = tf.constant([[[1.0], [2.0]]])
    cell = tf.nn.rnn_cell.GRUCell(2)
    outputs, _ = tf.nn.dynamic_rnn(cell, inputs, dtype=tf.float32)
    gates, bias, candidate, _ = tf.trainable_variables()
    session.run(tf.global_variables_initializer())
    session.run([gates.assign(GATES), candidate.assign(CANDIDATE)])
    computed, biases = session.run([outputs[0, -1], bias])

results = {
    "output after inputs 1 and 2, weights as they are": computed,
    "output after inputs 1 and 2, gates in Keras's order": computed,
    "initial bias of the gates": biases[0],
}
