import numpy as np
import tensorflow as tf

batch = np.array([[1.0, -2.0]], np.float32)

hidden = tf.keras.layers.Dense(
    3, activation="relu", kernel_initializer="ones", name="hidden"
)
logits = tf.keras.layers.Dense(1, kernel_initializer="ones", name="logits")
# The first call creates the variables; the layers own them.
value = logits(hidden(batch) + 1)

names = [
    variable.path
    for layer in (hidden, logits)
    for variable in layer.trainable_variables
]
results = {"logits": value, "variables": names}
