import numpy as np
import tensorflow as tf

GATES = np.linspace(-1.0, 1.0, 12).reshape([3, 4])  # r, u; 2 units, 1 input
CANDIDATE = np.linspace(1.0, -1.0, 6).reshape([3, 2])


def output(kernel):
    layer = tf.keras.layers.GRU(2)
    layer.build([1, 2, 1])
    bias = layer.get_weights()[2]
    initial_bias = bias[0, 0]
    bias[0, :4] = 1.0  # as in the checkpoint
    layer.set_weights([kernel[:1], kernel[1:], bias])
    return layer(tf.constant([[[1.0], [2.0]]]))[0], initial_bias


r, u = np.split(GATES, 2, axis=1)
unchanged, initial_bias = output(np.concatenate([r, u, CANDIDATE], axis=1))
reordered, _ = output(np.concatenate([u, r, CANDIDATE], axis=1))

results = {
    "output after inputs 1 and 2, weights as they are": unchanged,
    "output after inputs 1 and 2, gates in Keras's order": reordered,
    "initial bias of the gates": initial_bias,
}
