import numpy as np
import tensorflow.compat.v1 as tf

square = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
image = square[np.newaxis, :, :, np.newaxis]

with tf.Graph().as_default():
    outputs = {
        "sum": tf.reduce_sum(square, reduction_indices=1, keep_dims=True),
        "log": tf.log(square),
        "float": tf.to_float(tf.constant([1, 2])),
        "quotient": tf.div(tf.constant([7, -7]), 2),
        "rows": tf.where([True, False], square, -square),
        "resized": tf.image.resize_bilinear(image, [1, 4])[0, 0, :, 0],
    }
    with tf.Session() as session:
        results = session.run(outputs)
