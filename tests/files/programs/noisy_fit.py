"""The port of noisy_old.py to Keras."""

import keras
import numpy as np

model = keras.Sequential(
    [
        keras.Input([6]),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(8, "relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(3),
    ]
)
model.compile(
    keras.optimizers.Adam(0.01, epsilon=1e-8),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
x = np.random.rand(160, 6).astype("float32")
model.fit(x, np.random.randint(0, 3, 160), batch_size=16, verbose=0)
