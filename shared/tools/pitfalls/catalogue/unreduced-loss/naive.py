import numpy as np
import tensorflow as tf

weight = tf.Variable(0.0)
with tf.GradientTape() as tape:
    losses = weight * [[1.0], [2.0], [3.0], [4.0]]  # a loss per example
weight.assign_sub(0.125 * tape.gradient(losses, weight))


def loss(targets, predictions):
    return tf.squeeze(predictions, 1)  # a loss per example


inputs = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
layer = tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
model = tf.keras.Sequential([tf.keras.Input([1]), layer])
model.compile(optimizer=tf.keras.optimizers.SGD(0.125), loss=loss)
model.fit(inputs, np.zeros([4, 1], np.float32), batch_size=4, verbose=0)

results = {
    "weight after 1 step of rate 1/8: against a tape": weight,
    "weight after 1 step of rate 1/8: against Keras fit": layer.kernel[0, 0],
}
