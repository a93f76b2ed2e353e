import numpy as np
import tensorflow as tf


class Layer(tf.Module):
    def __init__(self):
        self.weights = tf.Variable(np.ones([2, 2], np.float32), name="weights")

    def __call__(self, x):
        return tf.matmul(x, self.weights)


layer = Layer()
# The same object twice: the same weights.
output = layer(layer(np.eye(2, dtype=np.float32)))

results = {
    "output": output,
    "variables": len(layer.trainable_variables),
    "name": layer.trainable_variables[0].name,
}
