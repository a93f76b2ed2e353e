import numpy as np
import tensorflow as tf

batch = np.arange(6, dtype=np.float32).reshape(2, 3)

IMAGES = tf.TensorSpec([None, 3], tf.float32, name="images")
SCALE = tf.TensorSpec([], tf.float32, name="scale")


@tf.function(input_signature=[IMAGES, SCALE])
def predict(images, scale=2.0):
    return tf.reduce_sum(images, axis=1) * scale


plain = predict(batch)
scaled = predict(batch, 10.0)
longer = predict(np.ones([3, 3], np.float32))

results = {"default scale": plain, "scale 10": scaled, "batch of 3": longer}
results["traces"] = predict.experimental_get_tracing_count()
