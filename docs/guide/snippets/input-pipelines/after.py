import numpy as np
import tensorflow as tf

numbers = np.array([1.0, 2.0, 3.0, 4.0, 5.0], np.float32)

dataset = (
    tf.data.Dataset.from_tensor_slices(numbers)
    .map(lambda number: number * 10)
    .batch(2)
    .prefetch(tf.data.AUTOTUNE)
)
batches = [batch.numpy().tolist() for batch in dataset]

results = {"batches": [sum(batch) for batch in batches], "last batch": batches[-1]}
