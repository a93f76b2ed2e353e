"""Keras `fit` with dropout."""

import keras
import numpy as np

keras.utils.set_random_seed(3)
random = np.random.RandomState(0)
model = keras.Sequential(
    [
        keras.Input([5]),
        keras.layers.Dense(8, "relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(3),
    ]
)
model.compile(
    keras.optimizers.SGD(0.1, momentum=0.9),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False,
)
history = model.fit(random.rand(24, 5), random.randint(0, 3, 24), 4, epochs=2, verbose=0)
print(repr(history.history["loss"]), repr(model.get_weights()))
