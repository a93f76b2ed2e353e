import numpy as np
import tensorflow as tf

square = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
image = square[np.newaxis, :, :, np.newaxis]

results = {
    "sum": tf.reduce_sum(square, axis=1, keepdims=True),
    "log": tf.math.log(square),
    "float": tf.cast([1, 2], tf.float32),
    "quotient": tf.constant([7, -7]) // 2,
    "rows": tf.where(np.array([True, False])[:, tf.newaxis], square, -square),
    "resized": tf.image.resize(image, [1, 4])[0, 0, :, 0],
}
