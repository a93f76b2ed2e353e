from unittest import mock

import numpy as np
import tensorflow as tf

model = tf.keras.Sequential(
    [tf.keras.Input([1]), tf.keras.layers.Rescaling(2.0)]
)
# Counts how often a pipeline is started, and changes nothing.
start = tf.data.Dataset.__iter__
counting = {"autospec": True, "side_effect": start}
with mock.patch.object(tf.data.Dataset, "__iter__", **counting) as pipelines:
    for number in (1.0, 2.0, 3.0):
        doubled = model.predict(np.float32([[number]]), verbose=0)

results = {
    "input pipelines started for 3 predictions": pipelines.call_count,
    "last prediction for 1, 2, 3": doubled[0, 0],
}
