import numpy as np
import tensorflow as tf


class Model(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.weight = self.add_weight(shape=(), initializer="ones")

    def call(self, inputs):
        return self.weight * inputs


model = Model()
model.compile(
    optimizer=tf.keras.optimizers.SGD(0.125),
    loss=lambda targets, outputs: tf.reduce_mean(outputs),
)
model.fit(np.float32([[1.0], [3.0]]), np.zeros([2, 1]), verbose=0)

results = {
    "trained variables": len(model.trainable_variables),
    "weight 1 after 1 step of gradient 2, rate 1/8": model.weight,
}
