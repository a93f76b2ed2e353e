import tensorflow as tf

KERNEL = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]  # gates i, j, f, o


def outputs(kernel, bias):
    layer = tf.keras.layers.LSTM(1, return_sequences=True)
    layer.build([1, 2, 1])
    layer.set_weights([kernel[:1], kernel[1:], bias])
    return layer(tf.constant([[[1.0], [2.0]]]))[0, :, 0]


kernel, bias = tf.constant(KERNEL), tf.zeros([4])  # as in the checkpoint
reordered = tf.gather(kernel, [0, 2, 1, 3], axis=1)  # i, f, j, o

results = {
    "outputs for inputs 1 and 2, weights as they are": outputs(kernel, bias),
    "outputs for inputs 1 and 2, gates in Keras's order": outputs(
        reordered, bias
    ),
}
