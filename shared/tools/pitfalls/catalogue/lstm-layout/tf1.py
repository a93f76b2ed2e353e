import tensorflow.compat.v1 as tf

KERNEL = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]  # gates i, j, f, o

with tf.Graph().as_default(), tf.Session() as session:
    initializer = tf.constant_initializer(KERNEL)
    cell = tf.nn.rnn_cell.LSTMCell(1, initializer=initializer)
    inputs = tf.constant([[[1.0], [2.0]]])
    outputs, _ = tf.nn.dynamic_rnn(cell, inputs, dtype=tf.float32)
    session.run(tf.global_variables_initializer())
    computed = session.run(outputs)[0, :, 0]

results = {
    "outputs for inputs 1 and 2, weights as they are": computed,
    "outputs for inputs 1 and 2, gates in Keras's order": computed,
}
