import os
import tempfile

import numpy as np
import tensorflow as tf

directory = os.path.join(tempfile.mkdtemp(), "model")
batch = np.array([[1.0, 2.0]], np.float32)


class Model(tf.Module):
    def __init__(self):
        self.weights = tf.Variable([[1.0], [10.0]], name="weights")

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="images")])
    def predict(self, images):
        return {"logits": tf.matmul(images, self.weights)}  # the keys name the outputs


model = Model()
tf.saved_model.save(model, directory, signatures=model.predict)

loaded = tf.saved_model.load(directory)
# `loaded` must live as long as its signature is used.
signature = loaded.signatures["serving_default"]
prediction = signature(images=tf.constant(batch))["logits"]

results = {
    "prediction": prediction,
    "inputs": sorted(signature.structured_input_signature[1]),
    "outputs": sorted(signature.structured_outputs),
}
