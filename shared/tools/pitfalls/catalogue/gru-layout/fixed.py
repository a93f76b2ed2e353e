import numpy as np
import tensorflow as tf

GATES = np.linspace(-1.0, 1.0, 12).reshape([3, 4])  # r, u; 2 units, 1 input
CANDIDATE = np.linspace(1.0, -1.0, 6).reshape([3, 2])


def gate_bias(shape, dtype=None):
    ones, zeros = tf.ones([shape[0] // 3 * 2]), tf.zeros([shape[0] // 3])
    return tf.concat([ones, zeros], axis=0)  # as TF1 starts it


layer = tf.keras.layers.GRU(
    2,
    reset_after=False,  # TF1 resets the state before the kernel
    bias_initializer=gate_bias,
)
layer.build([1, 2, 1])
bias = layer.get_weights()[2]
r, u = np.split(GATES, 2, axis=1)
kernel = np.concatenate([u, r, CANDIDATE], axis=1)  # Keras calls u z
layer.set_weights([kernel[:1], kernel[1:], bias])
output = layer(tf.constant([[[1.0], [2.0]]]))[0]

results = {
    "output after inputs 1 and 2, weights as they are": output,
    "output after inputs 1 and 2, gates in Keras's order": output,
    "initial bias of the gates": bias[0],
}
