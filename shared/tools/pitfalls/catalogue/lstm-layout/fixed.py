import tensorflow as tf

KERNEL = [[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]]  # gates i, j, f, o


def lstm_weights(kernel, bias, inputs, forget_bias=1.0):
    i, j, f, o = tf.split(kernel, 4, axis=1)
    kernel = tf.concat([i, f, j, o], axis=1)
    i, j, f, o = tf.split(bias, 4)
    # TF1's cell adds forget_bias at each step; Keras keeps it in the bias.
    bias = tf.concat([i, f + forget_bias, j, o], axis=0)
    return [kernel[:inputs], kernel[inputs:], bias]


layer = tf.keras.layers.LSTM(1, return_sequences=True)
layer.build([1, 2, 1])
layer.set_weights(lstm_weights(tf.constant(KERNEL), tf.zeros([4]), inputs=1))
outputs = layer(tf.constant([[[1.0], [2.0]]]))[0, :, 0]

results = {
    "outputs for inputs 1 and 2, weights as they are": outputs,
    "outputs for inputs 1 and 2, gates in Keras's order": outputs,
}
