import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

directory = os.path.join(tempfile.mkdtemp(), "model")
batch = np.array([[1.0, 2.0]], np.float32)

with tf.Graph().as_default():
    images = tf.placeholder(tf.float32, [None, 2], name="images")
    weights = tf.get_variable("weights", initializer=[[1.0], [10.0]])
    logits = tf.matmul(images, weights)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        tf.saved_model.simple_save(
            session, directory, {"images": images}, {"logits": logits}
        )

with tf.Graph().as_default(), tf.Session() as session:
    loaded = tf.saved_model.loader.load(session, ["serve"], directory)
    signature = loaded.signature_def["serving_default"]
    names = signature.inputs["images"].name, signature.outputs["logits"].name
    prediction = session.run(names[1], {names[0]: batch})

results = {
    "prediction": prediction,
    "inputs": sorted(signature.inputs),
    "outputs": sorted(signature.outputs),
}
